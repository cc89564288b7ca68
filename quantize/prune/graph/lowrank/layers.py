"""Which layers can become two: their weights as matrices, and the ranks at which two layers need fewer MACs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.quantize.cost import macs
from edgemm.quantize.prune.graph.cost import total_macs
from edgemm.quantize.prune.graph.features import bias_place
from edgemm.quantize.prune.graph.trace import Layer, is_constant, is_shared, shape_of

Matrix = npt.NDArray[np.float64]
MULTIPLE = 8
"""Ranks are multiples of it."""
LEAST_SHARE = 0.005
"""Of the network's MACs: what saves less is left as it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Splittable:
    """A layer that can become two: output = matrix x what it reads + bias."""

    node: ir.Node
    matrix: Matrix
    """[outputs, inputs]; inputs of a convolution are those of all taps."""
    bias: tuple[ir.Node, int] | None
    """Node and input index of its bias; None: it has none, and gets none."""
    places: int
    """How often the matrix is used in one inference."""
    ranks: tuple[int, ...]
    """Smallest first; each needs fewer MACs than the layer itself."""

    @property
    def name(self) -> str:
        """Of the node."""
        return str(self.node.name)

    @property
    def output(self) -> ir.Value:
        """What it computes."""
        return self.node.outputs[0]

    @property
    def full(self) -> int:
        """The rank that its weight has at most."""
        return int(min(self.matrix.shape))

    def saved(self, rank: int) -> int:
        """MACs of one inference that two layers of this rank save; 0 of the full rank: one layer."""
        if rank >= self.full:
            return 0
        outputs, inputs = self.matrix.shape
        return int(self.places * (outputs * inputs - rank * (outputs + inputs)))

    def rows(self, array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """[places, outputs] of the output."""
        if self.node.op_type == "Conv":
            return np.moveaxis(array, 1, -1).reshape(-1, array.shape[1])
        return array.reshape(-1, array.shape[-1])


def splittable(model: ir.Model, keep: Collection[str]) -> tuple[list[Splittable], dict[str, str]]:
    """Layers that can become two, and layer -> why not, of the others.

    Args:
        keep: layers that stay as they are.
    """
    nodes = [node for node in model.graph if node.op_type in ("Conv", "Gemm", "MatMul")]
    least = LEAST_SHARE * total_macs(model)
    found, left = list[Splittable](), dict[str, str]()
    for node in nodes:
        if not is_constant(node.inputs[1]):
            continue
        reason = "it is kept by name" if str(node.name) in keep else _unfit(node)
        if not reason:
            each = _read(node)
            if each.ranks and each.saved(each.ranks[0]) >= least:
                found.append(each)
                continue
            reason = "it is small"
        left[str(node.name)] = reason
    return found, left


def _unfit(node: ir.Node) -> str:
    """Why it cannot be split; "" where it can."""
    weight = node.inputs[1]
    if weight is None or weight.dtype != ir.DataType.FLOAT:
        return "its weight is not in float32"
    if is_shared(weight):
        return "it shares its weight with another layer"
    if node.op_type == "Conv":
        return "it is a convolution in groups" if node.attributes.get_int("group", 1) != 1 else ""
    return "" if len(shape_of(weight)) == 2 else "its weight is a stack of matrices"


def _read(node: ir.Node) -> Splittable:
    weight = node.inputs[1]
    array = np.asarray(weight.const_value.numpy(), np.float64)  # type: ignore[union-attr]
    matrix = array.T if node.op_type == "MatMul" else array.reshape(array.shape[0], -1)
    outputs, inputs = matrix.shape
    places = macs(node) // max(prod(matrix.shape), 1)
    less = outputs * inputs / (outputs + inputs)
    ranks = tuple(each for each in range(MULTIPLE, min(outputs, inputs), MULTIPLE) if each < less)
    return Splittable(node, matrix, bias_place(Layer(node, None, None)), places, ranks)
