"""Graphs in the making, and what the networks of `cost_cases.py` are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = tuple[int, ...]


class Graph:
    """An ONNX graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[str] = []
        self.constants: list[Any] = []
        self._count = 0

    def _name(self, stem: str) -> str:
        self._count += 1
        return f"{stem}_{self._count}"

    def input(self, shape: Shape, kind: int = TensorProto.FLOAT) -> str:
        name = self._name("x")
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, array: Any) -> str:
        name = self._name("c")
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weight(self, *shape: int, value: float | None = None) -> str:
        """A constant of one value, so that no output grows along a chain, and another than all others, so that each
        operator has its own."""
        fan = int(np.prod(shape[1:])) if len(shape) > 1 else shape[0]
        apart = 1.0 - 1e-3 * len(self.constants)
        array = np.full(shape, apart * (1.0 / fan if value is None else value), np.float32)
        array.reshape(-1)[len(self.constants) % array.size] *= 0.5  # their integers are others as well
        return self.constant(array)

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        names = [self._name(kind.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=names[0], **attributes))
        return names[0] if outputs == 1 else names

    def model(self) -> onnx.ModelProto:
        outputs = [helper.make_empty_tensor_value_info(name) for name in self.outputs]
        graph = helper.make_graph(self.nodes, "costs", self.inputs, outputs, self.constants)
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return onnx.shape_inference.infer_shapes(proto)


@dataclass(frozen=True)
class Case:
    """One model in float."""

    kind: str
    name: str
    build: Callable[[Graph], None]
    only: tuple[str, ...] = ("tflite", "onnx")
    float_every: int = 0
    """Static: every so-many-th node is left in float."""
    less: tuple[tuple[str, float], ...] = ()
    """Cases whose operators are in it too, and how many times: they are taken off."""
    float_ends: bool = False
    """Static .onnx: inputs and outputs are float, and changed."""
    changes: int = 0
    """From integers to float and back, where the case is about these."""


def chain(shape: Shape, count: int, step: Callable[[Graph, str, int], str]) -> Callable[[Graph], None]:
    """One after the other."""

    def build(graph: Graph) -> None:
        value = graph.input(shape)
        for index in range(count):
            value = step(graph, value, index)
        graph.outputs.append(value)

    return build


def beside(shape: Shape, count: int, step: Callable[[Graph, str, int], str]) -> Callable[[Graph], None]:
    """Side by side, each with an input and an output of its own."""

    def build(graph: Graph) -> None:
        for index in range(count):
            graph.outputs.append(step(graph, graph.input(shape), index))

    return build


def conv(outs: tuple[int, ...], ins: tuple[int, ...], kernel: int, groups: int = 1, stride: int = 1) -> Any:
    """Convolutions between numbers of channels that take turns."""

    def step(graph: Graph, value: str, index: int) -> str:
        n_in, n_out = ins[index % len(ins)], outs[index % len(outs)]
        weight = graph.weight(n_out, n_in // groups, kernel, kernel)
        before = (kernel - 1) // 2 if stride == 1 else max(kernel - stride, 0) // 2
        after = max(kernel - stride, 0) - before
        return str(
            graph.op(
                "Conv", value, weight, graph.weight(n_out, value=0.01),
                kernel_shape=[kernel] * 2, pads=[before] * 2 + [after] * 2, group=groups, strides=[stride] * 2,
            )
        )  # fmt: skip

    return step


def normalized(graph: Graph, value: str, shape: Shape) -> str:
    width = shape[-1]
    return str(
        graph.op(
            "LayerNormalization",
            value,
            graph.weight(width, value=1.0),
            graph.weight(width, value=0.01),
            axis=-1,
        )
    )


def gelu(graph: Graph, value: str) -> str:
    """As exporters write it."""
    half, one, root = (graph.constant(np.array(n, np.float32)) for n in (0.5, 1.0, np.sqrt(2.0)))
    inner = graph.op("Add", graph.op("Erf", graph.op("Div", value, root)), one)
    return str(graph.op("Mul", graph.op("Mul", value, inner), half))


def resized(graph: Graph, value: str, mode: str) -> str:
    scales = graph.constant(np.array([1, 1, 2, 2], np.float32))
    if mode == "nearest":
        return str(
            graph.op(
                "Resize",
                value,
                "",
                scales,
                mode=mode,
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )
        )
    return str(graph.op("Resize", value, "", scales, mode=mode, coordinate_transformation_mode="half_pixel"))


def swapped(graph: Graph, value: str, channels: int) -> str:
    """Channels of which each two have changed places: a choice that is no slice."""
    order = np.arange(channels).reshape(-1, 2)[:, ::-1].reshape(-1)
    return str(graph.op("Gather", value, graph.constant(order.astype(np.int64)), axis=1))
