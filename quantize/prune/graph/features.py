"""What a layer sums up, as rows of numbers: one row for each place that it computes an output of."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.quantize.prune.graph.trace import Layer, is_constant, shape_of

Array = npt.NDArray[np.float32]
LARGEST = 1200
"""Numbers in a row. A convolution with more is looked at channel by channel, its taps left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Consumer:
    """A layer, seen as a matrix [rows, features] that is multiplied with what it reads."""

    layer: Layer
    taps: int
    """Features of one channel: the taps of the kernel, or 1."""
    kernel: tuple[int, ...]
    """Sizes of the weight."""

    @property
    def whole(self) -> bool:
        """The matrix times the features is the layer's output; else that of each tap, before they are added."""
        return self.layer.node.op_type in ("Gemm", "MatMul") or (
            self.layer.node.op_type == "Conv" and self.taps == prod(self.kernel[2:])
        )

    @property
    def source(self) -> ir.Value:
        """What it reads."""
        value = self.layer.node.inputs[0]
        if value is None:
            raise ValueError(f"{self.layer.name} reads nothing")
        return value

    @property
    def result(self) -> ir.Value:
        """What it computes."""
        return self.layer.node.outputs[0]

    def matrix(self, weight: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
        """[rows, features] of a weight, features by channel, then by tap."""
        kind = self.layer.node.op_type
        if kind == "MatMul":
            made = weight.T
        elif kind == "ConvTranspose":
            made = weight.reshape(weight.shape[0], -1).T
        elif self.whole:
            made = weight.reshape(weight.shape[0], -1)
        else:
            made = np.moveaxis(weight, 1, -1).reshape(-1, weight.shape[1])
        return np.asarray(made, np.float64)

    def weight(self, matrix: npt.NDArray[np.float64], shape: tuple[int, ...]) -> Array:
        """The weight of such sizes, of its matrix."""
        kind = self.layer.node.op_type
        if kind == "MatMul":
            made = matrix.T
        elif kind == "ConvTranspose":
            made = matrix.T.reshape(shape)
        elif self.whole:
            made = matrix.reshape(shape)
        else:
            made = np.moveaxis(matrix.reshape(shape[0], *shape[2:], shape[1]), -1, 1)
        return np.ascontiguousarray(made, np.float32)

    def places(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """At most so many places of the output (of the input, where taps are left out), by chance."""
        shape = shape_of(self.result if self.whole else self.source)
        kind = self.layer.node.op_type
        total = prod(shape[:-1]) if kind in ("Gemm", "MatMul") else prod(shape[2:])
        return np.sort(rng.permutation(total)[:count]) if total > count else np.arange(total)

    def results(self, array: Array, places: npt.NDArray[np.int64]) -> Array:
        """Rows of the output at places."""
        if self.layer.node.op_type in ("Gemm", "MatMul"):
            return array.reshape(-1, array.shape[-1])[places]
        return np.ascontiguousarray(array.reshape(array.shape[1], -1)[:, places].T)

    def rows(self, array: Array, places: npt.NDArray[np.int64]) -> Array:
        """Rows of features at places."""
        if not self.whole or self.layer.node.op_type != "Conv":
            return self.results(array, places)
        spread = array.reshape(array.shape[1], -1)
        padded = np.concatenate([spread, np.zeros((len(spread), 1), spread.dtype)], axis=1)
        found = padded[:, self.sources(places)]  # [channels, places, taps]
        return np.ascontiguousarray(found.transpose(1, 0, 2)).reshape(len(places), -1)

    def sources(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """[places, taps]: the places of the input that these of the output are computed of, -1 in the padding."""
        if self.layer.node.op_type != "Conv":
            return places[:, None]
        attributes, sizes = self.layer.node.attributes, shape_of(self.source)[2:]
        at = np.unravel_index(places, shape_of(self.result)[2:])
        taps = np.indices(self.kernel[2:]).reshape(len(sizes), -1)
        found, outside = np.zeros((len(places), self.taps), np.int64), False
        for axis, size in enumerate(sizes):
            start = (
                at[axis][:, None] * attributes["strides"].as_ints()[axis] - attributes["pads"].as_ints()[axis]
            )
            index = start + taps[axis][None, :] * attributes["dilations"].as_ints()[axis]
            found = found * size + index
            outside = outside | (index < 0) | (index >= size)
        return np.where(outside, -1, found)


def consumer(layer: Layer, *, taps: bool = True) -> Consumer:
    """How a layer is looked at.

    Args:
        taps: with each tap of a kernel; False: channel by channel.
    """
    weight = layer.node.inputs[1]
    if weight is None:
        raise ValueError(f"{layer.name} has no weight")
    kernel = shape_of(weight)
    inner = prod(kernel[2:]) if layer.node.op_type == "Conv" else 1
    small = kernel[1] * inner <= LARGEST if layer.node.op_type == "Conv" else True
    return Consumer(layer, inner if taps and small else 1, kernel)


def bias_place(layer: Layer) -> tuple[ir.Node, int] | None:
    """Where the bias of a layer stands: its own, or that of the addition behind it; None where it has none."""
    node = layer.node
    if node.op_type != "MatMul":
        return (node, 2) if len(node.inputs) > 2 and is_constant(node.inputs[2]) else None
    value = node.outputs[0]
    if value.is_graph_output() or len(value.uses()) != 1:
        return None
    after = value.consumers()[0]
    for index, other in enumerate(after.inputs if after.op_type == "Add" else ()):
        if other is not None and is_constant(other) and shape_of(other) == shape_of(value)[-1:]:
            return after, index
    return None
