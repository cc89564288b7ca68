"""The networks of `cost_models.py`: chains of equal operators, or several side by side, in several sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from cost_graph import Case, Graph, Shape, beside, chain, conv, gelu, normalized, resized, swapped
from cost_pictures import pictures
from onnx import TensorProto

ONE_BY_ONE = (
    (16, 16, 48, 4), (96, 16, 28, 4), (64, 64, 28, 4), (144, 24, 28, 4), (192, 32, 14, 6), (384, 64, 14, 4),
    (576, 96, 7, 6), (256, 256, 14, 2), (512, 128, 7, 4), (16, 8, 8, 8), (96, 24, 1, 8), (576, 144, 1, 8),
    (96, 16, 112, 2),
)  # fmt: skip
"""Wide and narrow side in channels, pixels along an edge, operators."""
SQUARE = (
    (8, 16, 3, 6), (16, 48, 3, 3), (32, 32, 3, 3), (64, 28, 3, 3), (128, 14, 3, 3), (256, 7, 3, 3), (32, 14, 5, 3),
    (64, 56, 3, 2), (32, 96, 3, 2),
)  # fmt: skip
"""Channels, pixels along an edge, taps along an edge, operators."""
THIN = (
    (3, 16, 96, 3, 2), (3, 32, 32, 3, 1), (3, 96, 64, 4, 4), (1, 16, 28, 3, 1), (3, 16, 192, 3, 2), (3, 32, 96, 7, 2),
)  # fmt: skip
"""Channels read and written, pixels along an edge, taps along an edge, stride."""
DEPTHWISE = (
    (8, 16, 3, 8), (16, 48, 3, 4), (64, 28, 3, 4), (96, 28, 5, 4), (240, 14, 3, 4), (240, 14, 5, 4), (576, 7, 3, 6),
    (80, 28, 7, 2), (320, 7, 7, 4), (40, 14, 7, 4), (96, 96, 3, 2), (36, 28, 3, 4), (12, 28, 3, 4), (88, 14, 5, 4),
)  # fmt: skip
GROUPED = (
    (32, 28, 4), (16, 12, 2), (56, 28, 7), (152, 14, 19), (368, 7, 46), (64, 28, 4), (128, 14, 8), (64, 14, 2),
    (128, 7, 2),
)  # fmt: skip
"""Channels, pixels along an edge, groups."""
TRANSPOSED = ((64, 7, 4, 2, 1), (32, 14, 2, 2, 0), (64, 28, 3, 1, 1), (16, 8, 4, 2, 1))
"""Channels, pixels along an edge, taps along an edge, stride, pad."""


def convolutions() -> Iterator[Case]:
    for wide, narrow, size, count in ONE_BY_ONE:
        yield Case(
            "conv_1x1", f"{wide}_{narrow}_{size}",
            chain((1, narrow, size, size), count, conv((wide, narrow), (narrow, wide), 1)),
        )  # fmt: skip
    for channels, size, kernel, count in SQUARE:
        yield Case(
            "conv", f"{channels}_{size}_{kernel}",
            chain((1, channels, size, size), count, conv((channels,), (channels,), kernel)),
        )  # fmt: skip
    yield Case("conv", "strided", chain((1, 24, 56, 56), 3, conv((48, 96, 192), (24, 48, 96), 3, stride=2)))
    for ins, outs, size, kernel, stride in THIN:
        label, after = (
            f"{ins}_{outs}_{size}",
            chain((1, outs, size // stride, size // stride), 2, conv((outs,), (outs,), 1)),
        )
        yield Case("conv_1x1", f"behind_{label}", after)
        first, behind = conv((outs,), (ins,), kernel, stride=stride), conv((outs,), (outs,), 1)

        def step(graph: Graph, value: str, index: int, f: Any = first, b: Any = behind) -> str:
            return str(f(graph, value, index) if index == 0 else b(graph, value, index))

        yield Case(
            "conv_thin",
            label,
            chain((1, ins, size, size), 3, step),
            less=((f"conv_1x1/behind_{label}", 1.0),),
        )
    for channels, size, kernel, count in DEPTHWISE:
        yield Case(
            "conv_depthwise" if kernel < 7 else "conv_depthwise_large", f"{channels}_{size}_{kernel}",
            chain((1, channels, size, size), count, conv((channels,), (channels,), kernel, groups=channels)),
        )  # fmt: skip
    yield Case(
        "conv_depthwise", "strided",
        chain((1, 96, 56, 56), 3, conv((96,), (96,), 3, groups=96, stride=2)),
    )  # fmt: skip
    for channels, size, groups in GROUPED:
        yield Case(
            "conv_grouped" if channels // groups < 16 else "conv_grouped_wide", f"{channels}_{size}_{groups}",
            chain((1, channels, size, size), 3, conv((channels,), (channels,), 3, groups=groups)),
        )  # fmt: skip
    for channels, size, kernel, stride, pad in TRANSPOSED:

        def transposed(
            graph: Graph,
            value: str,
            index: int,
            k: int = kernel,
            s: int = stride,
            p: int = pad,
            c: int = channels,
        ) -> str:
            weight = graph.weight(c, c // 2, k, k, value=1.0 / c)
            return str(
                graph.op("ConvTranspose", value, weight, kernel_shape=[k] * 2, strides=[s] * 2, pads=[p] * 4)
            )

        yield Case(
            "conv_transpose", f"{channels}_{size}_{kernel}", beside((1, channels, size, size), 2, transposed)
        )


PRODUCTS = (
    (196, 768, 192, 2), (64, 256, 64, 4), (49, 768, 192, 4), (16, 128, 64, 8), (784, 160, 40, 4), (1, 1024, 576, 4),
    (1, 256, 64, 8), (196, 192, 192, 4),
)  # fmt: skip
"""Rows, wide and narrow side, operators."""


def products() -> Iterator[Case]:
    for rows, wide, narrow, count in PRODUCTS:

        def multiplied(graph: Graph, value: str, index: int, w: int = wide, n: int = narrow) -> str:
            ins, outs = (n, w) if index % 2 == 0 else (w, n)
            product = graph.op("MatMul", value, graph.weight(ins, outs, value=1.0 / ins))
            return str(graph.op("Add", product, graph.weight(outs, value=0.01)))

        yield Case("gemm", f"{rows}_{wide}_{narrow}", chain((1, rows, narrow), count, multiplied))
    for heads, tokens, width in ((3, 196, 64), (4, 64, 16), (12, 49, 32), (4, 16, 16)):

        def attended(graph: Graph, h: int = heads, t: int = tokens, w: int = width) -> None:
            value, keys, values = graph.input((h, t, w)), graph.input((h, w, t)), graph.input((h, t, w))
            for _ in range(2):
                value = graph.op("MatMul", graph.op("MatMul", value, keys), values)
            graph.outputs.append(value)

        yield Case("matmul", f"{heads}_{tokens}_{width}", attended)
    for kind, gates in (("LSTM", 4), ("GRU", 3)):
        for steps, ins, hidden in ((20, 64, 64), (20, 40, 128), (10, 128, 192)):

            def recurrent(
                graph: Graph, k: str = kind, g: int = gates, s: int = steps, i: int = ins, h: int = hidden
            ) -> None:
                more = {"linear_before_reset": 1} if k == "GRU" else {}
                value = graph.input((s, 1, i))
                w, r = graph.weight(1, g * h, i), graph.weight(1, g * h, h)
                made = graph.op(k, value, w, r, graph.weight(1, 2 * g * h, value=0.01), hidden_size=h, **more)
                graph.outputs.append(graph.op("Squeeze", made, graph.constant(np.array([1], np.int64))))

            yield Case(kind.lower(), f"{steps}_{ins}_{hidden}", recurrent)


SIZES = ((1, 8, 4, 4), (1, 24, 28, 28), (1, 64, 56, 56))
LARGE = (1, 160, 56, 56)
"""A picture that leaves the nearest caches."""
TOKENS = ((1, 16, 64), (1, 196, 192))


def elementwise() -> Iterator[Case]:
    for shape in (*SIZES, LARGE):
        label = f"{shape[1]}_{shape[2]}"
        count = 8 if shape[1] < 64 else 4 if shape[1] < 128 else 2

        for kind in ("Add", "Mul", "Div"):

            def both(graph: Graph, k: str = kind, s: Shape = shape, n: int = count) -> None:
                value, other = graph.input(s), graph.input(s)
                for _ in range(n):
                    value = graph.op(k, value, other)
                graph.outputs.append(value)

            yield Case(kind.lower(), label, both)

        def per_channel(graph: Graph, kind: str, s: Shape = shape, n: int = count) -> None:
            value, other = graph.input(s), graph.input((1, s[1], 1, 1))
            for _ in range(n):
                value = graph.op(kind, value, other)
            graph.outputs.append(value)

        for kind in ("Mul", "Add"):
            yield Case(f"{kind.lower()}_broadcast", label, lambda graph, k=kind, f=per_channel: f(graph, k))
        for kind in ("Sigmoid", "Tanh", "HardSwish", "Gelu", "Sqrt"):

            def unary(graph: Graph, value: str, index: int, k: str = kind) -> str:
                return gelu(graph, value) if k == "Gelu" else str(graph.op(k, value))

            yield Case(kind.lower(), label, chain(shape, count, unary))
        for kind in ("Relu", "Exp"):
            yield Case(
                kind.lower(),
                label,
                beside(shape, 2, lambda graph, value, index, k=kind: str(graph.op(k, value))),
            )
        yield Case(
            "leakyrelu", label,
            chain(shape, count, lambda graph, value, index: str(graph.op("LeakyRelu", value, alpha=0.1))),
        )  # fmt: skip
        yield Case(
            "globalaveragepool", label,
            beside(shape, 4, lambda graph, value, index: str(graph.op("GlobalAveragePool", value))),
        )  # fmt: skip
    for shape in TOKENS:
        label = f"{shape[1]}_{shape[2]}"

        def tokens(graph: Graph, kind: str, s: Shape = shape) -> None:
            value, other = graph.input(s), graph.input((1, s[1], 1))
            for _ in range(6):
                value = graph.op(kind, value, other)
            graph.outputs.append(value)

        for kind in ("Mul", "Add", "Div"):
            yield Case(
                f"{kind.lower()}_broadcast", f"tokens_{label}", lambda graph, k=kind, f=tokens: f(graph, k)
            )
        yield Case("gelu", f"tokens_{label}", chain(shape, 4, lambda graph, value, index: gelu(graph, value)))
        yield Case(
            "add",
            f"tokens_{label}",
            chain(shape, 6, lambda graph, value, index: str(graph.op("Add", value, value))),
        )
        yield Case(
            "reducemean", label,
            beside(shape, 4, lambda graph, value, index: str(graph.op("ReduceMean", value, axes=[-1], keepdims=1))),
        )  # fmt: skip
        yield Case(
            "reducemean_inner", label,
            beside(shape, 4, lambda graph, value, index: str(graph.op("ReduceMean", value, axes=[1], keepdims=0))),
        )  # fmt: skip
        yield Case(
            "layernormalization", label,
            chain(shape, 4, lambda graph, value, index, s=shape: normalized(graph, value, s)),
            only=("onnx",),
        )  # fmt: skip
    for shape in ((3, 196, 196), (4, 16, 16), (1, 1, 10), (12, 49, 49)):
        yield Case(
            "softmax", "_".join(map(str, shape)),
            chain(shape, 3, lambda graph, value, index: str(graph.op("Softmax", value, axis=-1))),
        )  # fmt: skip

    for shape in SIZES:
        yield Case(
            "softmax", f"picture_{shape[1]}_{shape[2]}",
            chain(shape, 3, lambda graph, value, index: str(graph.op("Softmax", value, axis=1))),
        )  # fmt: skip


POOLS = (
    ("maxpool", 3, 1, "MaxPool"), ("maxpool", 2, 2, "MaxPool"),
    ("averagepool", 3, 1, "AveragePool"), ("averagepool", 2, 2, "AveragePool"),
)  # fmt: skip
"""Kind, pixels along an edge, stride, operator."""


def movers() -> Iterator[Case]:
    for shape in SIZES:
        label = f"{shape[1]}_{shape[2]}"
        for name, kernel, stride, kind in POOLS:
            pads = [kernel // 2 if stride == 1 else 0] * 4
            more = {"count_include_pad": 1} if kind == "AveragePool" and stride == 1 else {}
            if kind == "AveragePool" and stride == 1:
                pads = [0] * 4
            yield Case(
                name, f"{label}_{kernel}",
                beside(
                    shape, 3,
                    lambda graph, value, index, k=kind, n=kernel, s=stride, p=pads, m=more: str(
                        graph.op(k, value, kernel_shape=[n] * 2, strides=[s] * 2, pads=p, **m)
                    ),
                ),
            )  # fmt: skip

        def joined(graph: Graph, s: Shape = shape) -> None:
            for _ in range(3):
                graph.outputs.append(graph.op("Concat", graph.input(s), graph.input(s), axis=1))

        yield Case("concat", label, joined)
        yield Case(
            "pad", label,
            beside(
                shape, 3,
                lambda graph, value, index: str(
                    graph.op("Pad", value, graph.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)))
                ),
            ),
        )  # fmt: skip
        for mode in ("nearest", "linear"):
            yield Case(
                f"resize_{mode}", label,
                beside(shape, 2, lambda graph, value, index, m=mode: resized(graph, value, m)),
            )  # fmt: skip
        yield Case(
            "slice", label,
            beside(
                shape, 3,
                lambda graph, value, index, c=shape[1]: str(
                    graph.op("Slice", value, *(graph.constant(np.array([n], np.int64)) for n in (0, c // 2, 1)))
                ),
            ),
        )  # fmt: skip
    for tokens, heads, width in ((196, 3, 64), (16, 4, 16), (49, 12, 32)):

        def turned(
            graph: Graph, value: str, index: int, t: int = tokens, h: int = heads, w: int = width
        ) -> str:
            moved = graph.op("Transpose", value, perm=[1, 0, 2])
            return str(graph.op("Reshape", moved, graph.constant(np.array([h, t * w], np.int64))))

        yield Case("transpose", f"{tokens}_{heads}", beside((tokens, heads, width), 4, turned))
        yield Case(
            "reshape", f"{tokens}_{heads}",
            beside(
                (tokens, heads, width), 4,
                lambda graph, value, index, t=tokens, h=heads, w=width: str(
                    graph.op("Reshape", value, graph.constant(np.array([t, h * w], np.int64)))
                ),
            ),
        )  # fmt: skip
    for rows, width, count in ((1000, 64, 16), (2000, 192, 196)):

        def picked(graph: Graph, r: int = rows, w: int = width, c: int = count) -> None:
            graph.outputs.append(
                graph.op("Gather", graph.weight(r, w, value=0.5), graph.input((1, c), TensorProto.INT64))
            )

        yield Case("gather", f"{rows}_{width}", picked)


def borders() -> Iterator[Case]:
    """Changes of numbers, and ends of the pieces that XNNPACK runs."""
    for shape in (*SIZES, LARGE):
        label = f"{shape[1]}_{shape[2]}"
        count = 8 if shape[1] < 64 else 4 if shape[1] < 128 else 2
        yield Case(
            "change", label,
            chain(shape, count, lambda graph, value, index: str(graph.op("LeakyRelu", value, alpha=0.1))),
            only=("tflite",), float_every=2, changes=count - 1,
            less=((f"leakyrelu/{label}.float", 0.5), (f"leakyrelu/{label}.int8", 0.5)),
        )  # fmt: skip
        if shape in SIZES:

            def swap(graph: Graph, value: str, index: int, c: int = shape[1]) -> str:
                return swapped(graph, value, c)

            def turns(graph: Graph, value: str, index: int, c: int = shape[1]) -> str:
                """An operator that XNNPACK has for integers, and one that it has not."""
                return str(graph.op("LeakyRelu", value, alpha=0.1)) if index % 2 else swapped(graph, value, c)

            yield Case("gather", f"swapped_{label}", chain(shape, count, swap))
            yield Case(
                "partition", label, chain(shape, count, turns), only=("tflite",),
                less=((f"leakyrelu/{label}.int8", 0.5), (f"gather/swapped_{label}.int8", 0.5)),
            )  # fmt: skip

        def flat(graph: Graph, value: str, index: int, n: int = int(np.prod(shape))) -> str:
            return str(graph.op("Reshape", value, graph.constant(np.array([1, n], np.int64))))

        yield Case("reshape", f"flat_{label}", beside(shape, 2, flat), only=("onnx",))
        yield Case(
            "change", f"ends_{label}", beside(shape, 2, flat), only=("onnx",), float_ends=True, changes=4,
            less=((f"reshape/flat_{label}.int8", 1.0),),
        )  # fmt: skip


def nothing() -> Iterator[Case]:
    """What a call takes by itself."""
    yield Case(
        "nothing", "one",
        beside(
            (1, 4), 1,
            lambda graph, value, index: str(graph.op("Reshape", value, graph.constant(np.array([4], np.int64)))),
        ),
    )  # fmt: skip


def streams() -> Iterator[Case]:
    """Layers of one row, which take what their weights take from where they are: the first fit into any cache."""
    for width, count in ((128, 4), (384, 4), (768, 6), (1024, 8)):
        yield Case(
            "stream", f"{width}_{count}",
            chain(
                (1, width), count,
                lambda graph, value, index, w=width: str(graph.op("MatMul", value, graph.weight(w, w, value=1.0 / w))),
            ),
        )  # fmt: skip


def cases() -> list[Case]:
    """All of them."""
    return [
        *nothing(),
        *convolutions(),
        *products(),
        *elementwise(),
        *movers(),
        *borders(),
        *pictures(),
        *streams(),
    ]
