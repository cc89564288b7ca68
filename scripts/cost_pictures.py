"""Operators between convolutions, which ONNX Runtime gives the layout of those."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cost_graph import Case, Graph, chain, conv, gelu, resized

PICTURES = ((16, 56), (24, 28), (64, 28), (36, 14))
"""Channels and pixels along an edge."""


def pictures() -> Iterator[Case]:
    """Operators between convolutions, which ONNX Runtime gives the layout of those."""
    for channels, size in PICTURES:
        one, shape = conv((channels,), (channels,), 1), (1, channels, size, size)
        for each in (size // 2, size, 2 * size):
            yield Case(
                "conv_1x1",
                f"base_{channels}_{each}",
                chain((1, channels, each, each), 2, one),
                only=("onnx",),
            )
        base = (f"conv_1x1/base_{channels}_{size}", 1.0)
        unary = {
            "hardswish": lambda graph, value: graph.op("HardSwish", value),
            "sigmoid": lambda graph, value: graph.op("Sigmoid", value),
            "leakyrelu": lambda graph, value: graph.op("LeakyRelu", value, alpha=0.1),
            "gelu": gelu,
            "mul_broadcast": lambda graph, value, c=channels: graph.op(
                "Mul", value, graph.input((1, c, 1, 1))
            ),
        }
        for kind, op in unary.items():

            def between(graph: Graph, value: str, index: int, f: Any = op, c: Any = one) -> str:
                return str(f(graph, c(graph, value, index)))

            yield picture(kind, channels, size, chain(shape, 2, between), base)

        def residual(graph: Graph, value: str, index: int, c: Any = one) -> str:
            return str(graph.op("Add", c(graph, value, index), value))

        yield picture("add", channels, size, chain(shape, 2, residual), base)
        halved = ((base[0], 0.5), (f"conv_1x1/base_{channels}_{size // 2}", 0.5))
        for kind, op_type in (("maxpool", "MaxPool"), ("averagepool", "AveragePool")):

            def pooled(graph: Graph, value: str, index: int, o: str = op_type, c: Any = one) -> str:
                made = c(graph, value, index)
                return (
                    str(graph.op(o, made, kernel_shape=[2, 2], strides=[2, 2])) if index == 0 else str(made)
                )

            yield picture(kind, channels, size, chain(shape, 2, pooled), *halved)

        def larger(graph: Graph, value: str, index: int, c: Any = one) -> str:
            made = str(c(graph, value, index))
            return made if index else resized(graph, made, "nearest")

        doubled = ((base[0], 0.5), (f"conv_1x1/base_{channels}_{2 * size}", 0.5))
        yield picture("resize_nearest", channels, size, chain(shape, 2, larger), *doubled)


def picture(
    kind: str, channels: int, size: int, build: Callable[[Graph], None], *less: tuple[str, float]
) -> Case:
    """An operator between convolutions; these are taken off."""
    return Case(f"picture_{kind}", f"{channels}_{size}", build, only=("onnx",), less=less)
