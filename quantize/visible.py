"""The part of a value's range that matters to its readers: beyond it, a number has the same effect as the nearer end.

A sigmoid of 9 and one of 9e9 are the same, and a softmax sees nothing of a score that lies far below the largest of
its row: that is what masks are made of. A grid that holds what cannot be seen wastes its steps, all of them where a
mask is -3.4e38. The intervals begin at the functions that saturate and go back, against the graph's order, through
what moves or picks numbers and through sums and products.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import onnx_ir as ir

from edgemm.quantize.backwards import ALL, ARITHMETIC, FIRST, PASSES, SATURATES, SHARPENS, passes, saturated
from edgemm.quantize.extremes import Extremes, extremes_of_array
from edgemm.quantize.fusion import bounds
from edgemm.quantize.grid import Range
from edgemm.quantize.legality import is_real, operand

SOFTMAXES = frozenset({"LogSoftmax", "Softmax"})
HALF_STEPS = 512.0
"""Half a step of a softmax's output, inverted: all that is hidden in a row may add up to no more than that."""
LOG_DEPTH = 16.0
"""Of a LogSoftmax: where its grid ends."""
MARGIN = 0.1
"""Of what was seen of all rows: other data has rows whose largest score lies deeper, and what is hidden in those must
still lie below it."""
FAR = 3.0
"""Widths of what a last softmax sees that a number must lie below it to be a mask: what the graph gives as scores
without its softmax is not limited for less."""


@dataclass(frozen=True, slots=True)
class Visible:
    """What can be seen; infinite ends where nothing is known."""

    values: Mapping[str, Range]
    """Value name -> by all its readers."""
    operands: Mapping[tuple[str, int], Range]
    """(node name, input index) -> by that reader alone."""


def depths(model: ir.Model) -> dict[str, float]:
    """Softmax node name -> how far below the largest number of a row it sees."""
    found = {}
    for node in model.graph:
        source = operand(node, 0)
        if node.op_type not in SOFTMAXES or source is None or source.shape is None:
            continue
        count = int(source.shape.numpy()[node.attributes.get_int("axis", -1)])
        found[str(node.name)] = (
            LOG_DEPTH if node.op_type == "LogSoftmax" else float(np.log(HALF_STEPS * count))
        )
    return found


def is_mask(value: ir.Value) -> bool:
    """True where all that is computed from a value, before softmaxes take it, is sums and choices."""
    if value.is_graph_output() or not value.uses():
        return False
    for reader in value.consumers():
        if reader.op_type in SOFTMAXES:
            continue
        if reader.op_type not in ("Add", "Sub") and reader.op_type not in PASSES:
            return False
        if not all(is_mask(each) for each in reader.outputs):
            return False
    return True


def visible(model: ir.Model, seen: Mapping[str, Extremes], rows: Mapping[str, Extremes]) -> Visible:
    """Follows a canonical graph from its end to its beginning.

    Args:
        seen: value name -> its extremes on real data.
        rows: softmax node name -> the extremes of what it can see of its rows.
    """
    graph = _Graph(seen, rows)
    values: dict[str, Range] = {str(value.name): ALL for value in model.graph.outputs}
    operands: dict[tuple[str, int], Range] = {}
    for node in reversed(tuple(model.graph)):
        after = _after(node, values)
        for index, value in enumerate(node.inputs):
            if value is None or not is_real(value):
                continue
            part = _ordered(graph.through(node, index, after))
            operands[str(node.name), index] = part
            name = str(value.name)
            values[name] = part.union(values[name]) if name in values else part
    return Visible(values, operands)


def _after(node: ir.Node, values: Mapping[str, Range]) -> Range:
    """By the readers of all outputs; places of numbers, which limits would change, show everything."""
    if any(value.uses() and not is_real(value) for value in node.outputs):
        return ALL
    known = [values[name] for value in node.outputs if (name := str(value.name)) in values]
    return reduce(Range.union, known) if known else ALL


def _ordered(found: Range) -> Range:
    """Nothing is known where limits contradict each other."""
    return found if found.low <= found.high and found.low < np.inf and found.high > -np.inf else ALL


@dataclass(frozen=True, slots=True)
class _Graph:
    """What is known of the numbers."""

    seen: Mapping[str, Extremes]
    rows: Mapping[str, Extremes]

    def whole(self, node: ir.Node, index: int) -> Range:
        """The extremes of an input, infinities among them."""
        value = operand(node, index)
        if value is None:
            return ALL
        if value.const_value is not None:
            return extremes_of_array(value.const_value.numpy()).whole
        found = self.seen.get(str(value.name))
        return ALL if found is None else found.whole

    def through(self, node: ir.Node, index: int, after: Range) -> Range:
        """What a node shows of an input, where its own readers see `after`."""
        limits = bounds(node)
        if limits is not None and index == 0:
            return _ordered(Range(max(after.low, limits[0]), min(after.high, limits[1])))
        if node.op_type in SOFTMAXES:
            return self._scores(node)
        if node.op_type in SATURATES or node.op_type == "HardSigmoid":
            return ALL if _is_sharpened(node) else saturated(node)
        if passes(node):
            data = PASSES.get(node.op_type, FIRST)
            return after if data is None or index in data else ALL
        if node.op_type in ARITHMETIC and index < 2:
            return ARITHMETIC[node.op_type](after, self.whole(node, 1 - index), index)
        return ALL

    def _scores(self, node: ir.Node) -> Range:
        found, source = self.rows.get(str(node.name)), operand(node, 0)
        if found is None or source is None or found.low > found.high or _is_sharpened(node):
            return ALL
        if self._may_hide_a_row(node, source):
            return ALL
        limits = found.finite
        last = node.outputs[0].is_graph_output()
        if last and self.whole(node, 0).low >= limits.low - FAR * limits.width:
            return ALL
        return Range(limits.low - MARGIN * limits.width, limits.high)

    def _may_hide_a_row(self, node: ir.Node, source: ir.Value) -> bool:
        """Rows that are infinite as a whole come out as NaN, and are meant to where something asks for NaN."""
        after = self.seen.get(str(node.outputs[0].name))
        if after is not None and after.nan:
            return True
        return _is_asked_for_nan(node.outputs[0]) and self._is_hidden_by_data(source)

    def _is_hidden_by_data(self, value: ir.Value) -> bool:
        """True when a negative infinity comes from what changes from call to call."""
        found, node = self.seen.get(str(value.name)), value.producer()
        if value.const_value is not None or found is None or not found.below:
            return False
        if node is None or (node.op_type == "Where" and not _is_constant(node, 0)):
            return True
        if node.op_type not in PASSES and node.op_type not in ("Add", "Sub"):
            return True
        return any(
            is_real(each) and self._is_hidden_by_data(each) for each in node.inputs if each is not None
        )


def _is_constant(node: ir.Node, index: int) -> bool:
    value = operand(node, index)
    return value is not None and value.const_value is not None


def _is_asked_for_nan(value: ir.Value) -> bool:
    """IsNaN, or what TFLite has instead: a comparison with itself."""
    return any(
        reader.op_type == "IsNaN" or (reader.op_type == "Equal" and reader.inputs[0] is reader.inputs[1])
        for reader in value.consumers()
    )


def _is_sharpened(node: ir.Node) -> bool:
    return any((use.node.op_type, use.idx) in SHARPENS for value in node.outputs for use in value.uses())
