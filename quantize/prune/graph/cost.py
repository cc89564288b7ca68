"""What a network costs when some of its channels are gone, counted without building it."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.quantize.cost import RECURRENT, WEIGHTED, macs
from edgemm.quantize.prune.graph.channels import Axes
from edgemm.quantize.prune.graph.trace import Trace, is_shared, rank, shape_of

Counts = npt.NDArray[np.int64]
"""Sizes of the axes that can become smaller; the first is always 1."""
FACTORS = 6
"""More axes of one tensor than that do not become smaller."""


def total_macs(model: ir.Model) -> int:
    """Multiply-accumulates of all layers and matrix products, of one inference."""
    return sum(macs(node) for node in model.graph if node.op_type in WEIGHTED or node.op_type in RECURRENT)


def total_parameters(model: ir.Model) -> int:
    """Numbers in floating point that the file holds."""
    return sum(
        prod(shape_of(value))
        for value in model.graph.initializers.values()
        if value.dtype is not None and value.dtype.is_floating_point()
    )


class Costs:
    """MACs and parameters of a traced network, by the channels that are left."""

    def __init__(self, model: ir.Model, found: Trace) -> None:
        self._found = found
        self._axes: dict[int, int] = {}
        self._arrays: list[npt.NDArray[np.int64]] = []
        self._sizes: list[int] = [1]
        self._losses: dict[int, list[tuple[int, int]]] = {}
        self._macs = self._table(_factors(found, node) for node in model.graph if node.op_type in WEIGHTED)
        held = [
            (value, found.operands.get((node, index), (None,) * rank(value)))
            for value in model.graph.initializers.values()
            for node, index in (list(value.uses())[:1] if is_shared(value) else value.uses())
        ]
        self._parameters = self._table(
            (shape_of(value), axes)
            for value, axes in held
            if value.dtype is not None and value.dtype.is_floating_point()
        )
        self._fixed = sum(macs(node) for node in model.graph if node.op_type in RECURRENT)
        self.whole: Counts = np.array(self._sizes, np.int64)
        """With all channels."""

    def _table(self, products: Iterable[tuple[tuple[int, ...], Axes]]) -> tuple[Counts, Counts]:
        """(constant factors [n], numbers of axes [n, FACTORS])."""
        rows = []
        for shape, axes in products:
            fixed, places = 1, []
            for size, axis in zip(shape, axes, strict=True):
                if axis is None:
                    fixed *= size
                else:
                    places.append(self._place(axis))
            rows.append([fixed, *places, *[0] * (FACTORS - len(places))])
        table = np.array(rows, np.int64).reshape(len(rows), FACTORS + 1)
        return table[:, 0], table[:, 1:]

    def _place(self, axis: npt.NDArray[np.int64]) -> int:
        if id(axis) not in self._axes:
            self._axes[id(axis)] = place = len(self._sizes)
            self._arrays.append(axis)  # so that no other gets its id
            self._sizes.append(len(axis))
            columns, counts = np.unique(self._found.channels.roots(axis), return_counts=True)
            for column, count in zip(columns.tolist(), counts.tolist(), strict=True):
                self._losses.setdefault(column, []).append((place, count))
        return self._axes[id(axis)]

    def without(self, counts: Counts, gone: Iterable[int]) -> Counts:
        """Sizes with these channels removed too."""
        left = counts.copy()
        for column in gone:
            for place, count in self._losses.get(int(column), ()):
                left[place] -= count
        return left

    def macs(self, counts: Counts) -> int:
        """Of sizes."""
        fixed, places = self._macs
        return self._fixed + int((fixed * counts[places].prod(axis=1)).sum())

    def parameters(self, counts: Counts) -> int:
        """Of sizes; a vector that several layers share is counted for each, since each may fit its own."""
        fixed, places = self._parameters
        return int((fixed * counts[places].prod(axis=1)).sum())


def _factors(found: Trace, node: ir.Node) -> tuple[tuple[int, ...], Axes]:
    """The sizes whose product is the MACs of a node."""
    left, right = node.inputs[0], node.inputs[1]
    if left is None or right is None:
        return (0,), (None,)
    out, into = (shape_of(node.outputs[0]), found.of(node.outputs[0])), (shape_of(left), found.of(left))
    kernel = found.operands.get((node, 1), (None,) * rank(right))
    if node.op_type in ("Conv", "ConvTranspose"):
        shape, axes = out if node.op_type == "Conv" else into
        return (*shape, *shape_of(right)[1:]), (*axes, *kernel[1:])
    return (*out[0], into[0][-1]), (*out[1], into[1][-1])
