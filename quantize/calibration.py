"""Calibration: the smallest and largest value of every tensor of the graph on real data.

They are the true extremes (a moving average would clip the ranges), of finite numbers, and limited to what the readers
of a value can see of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from edgemm.errors import CalibrationError, InputError
from edgemm.quantize.backwards import PASSES
from edgemm.quantize.extremes import Extremes, Probe
from edgemm.quantize.fusion import bounds
from edgemm.quantize.grid import Range
from edgemm.quantize.reference import Sample
from edgemm.quantize.visible import SOFTMAXES, Visible, depths, visible

Progress = Callable[[int, int], None]
"""Called with (samples done, samples in all)."""

MOVES_ONLY = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Operators whose output holds exactly the values of their first input: nothing to measure."""

COARSEST_SCORE = 1.0
"""Steps before a softmax may be so large; beyond, neighbours differ by more than e times, and it is not a softmax."""
ADVICE = (
    "A row of its scores is negative infinity from end to end: leave something in each row, or mask with a large "
    "negative number"
)
APART = "rows of scores lie too far apart for one grid"

DIVERGES = (("Div", 1), ("Log", 0), ("Reciprocal", 0))
"""(operator, input index) that is infinite at zero: the first step of a grid would make it so."""
STEPS_FROM_ZERO = 8.0
"""A step is then an eighth of the number at most."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was seen of the values of one graph."""

    ranges: Mapping[str, Range]
    """Value name -> its finite extremes over all samples, as far as they can be seen, for every float32 graph input
    and node output."""
    samples: int
    """How many samples were run."""
    whole: Mapping[str, Range] = field(default_factory=dict)
    """Value name -> its extremes with what cannot be seen, infinities too, where that is more."""
    operands: Mapping[tuple[str, int], Range] = field(default_factory=dict)
    """(node name, input index) -> what that node can see of a constant there, where that is limited."""
    not_finite: frozenset[str] = frozenset()
    """Values that were NaN, or infinite where it can be seen: no grid holds them."""
    coarse: Mapping[str, str] = field(default_factory=dict)
    """Value name -> why the steps of a grid are too coarse for what reads it."""


def calibrate(model: ir.Model, samples: Sequence[Sample], *, progress: Progress | None = None) -> Calibration:
    """Runs every sample through a canonical graph, one at a time, and keeps each value's extremes.

    Args:
        model: canonical; left as it is.
        samples: input name -> array in the model's own shape, batch of 1 included.
        progress: called after each sample.

    Raises:
        InputError: no samples, or one that does not fit the model's inputs.
        CalibrationError: an output of the graph is NaN, or an input is NaN or infinite and no mask.
    """
    if not len(samples):
        raise InputError("calibration needs samples, found none. Give at least 16 that the model may meet")
    measured = [value for value in float_values(model) if not _follows(value)]
    depth = depths(model)
    probe = Probe(model, measured, depth)
    seen = dict.fromkeys((str(value.name) for value in measured), Extremes())
    rows = dict.fromkeys(depth, Extremes())
    for index, sample in enumerate(samples):
        values, lines = probe.run(sample)
        if any(each.nan for each in values.values()):
            _require_numbers(model, _completed(model, values), index)
        seen = {name: each.union(values[name]) for name, each in seen.items()}
        rows = {name: each.union(lines[name]) for name, each in rows.items()}
        if progress is not None:
            progress(index + 1, len(samples))
    seen = _completed(model, seen)
    return _limited(model, seen, rows, visible(model, seen, rows), len(samples))


def _limited(
    model: ir.Model,
    seen: Mapping[str, Extremes],
    rows: Mapping[str, Extremes],
    shown: Visible,
    samples: int,
) -> Calibration:
    """The ranges that grids need, and which values no grid holds."""
    ranges, whole, wild = {}, {}, set()
    for name, each in seen.items():
        sight = shown.values.get(name, Range(-np.inf, np.inf))
        ends = each.limited(sight.low, sight.high)
        ranges[name] = ends.finite
        if ends.nan or ends.below or ends.above:
            wild.add(name)
        if each.whole != ranges[name]:
            whole[name] = each.whole
    for value in model.graph.inputs:
        if str(value.name) in wild:
            raise CalibrationError(
                f"input {value.name!r} is infinite in the calibration data, and the model sees that: expected finite "
                "numbers. Check the data; an infinity is for masks only"
            )
    operands = {
        key: sight
        for key, sight in shown.operands.items()
        if np.isfinite(sight.low) or np.isfinite(sight.high)
    }
    coarse = dict([*_near_zero(model, ranges), *_too_wide(model, rows)])
    return Calibration(ranges, samples, whole, operands, frozenset(wild), coarse)


def _near_zero(model: ir.Model, ranges: Mapping[str, Range]) -> Iterator[tuple[str, str]]:
    """Values so near zero, against their range, that a step there is much to a logarithm or a division."""
    for node in model.graph:
        for kind, index in DIVERGES:
            value = node.inputs[index] if node.op_type == kind and index < len(node.inputs) else None
            ends = ranges.get(str(value.name)) if value is not None else None
            if value is None or ends is None:
                continue
            nearest = max(ends.low, -ends.high, 0.0)
            if nearest < STEPS_FROM_ZERO * ends.with_zero().width / 255:
                reason = f"{kind} tells apart what a grid has no steps for"
                yield from ((name, reason) for name in _back_to_its_maker(value))


def _too_wide(model: ir.Model, rows: Mapping[str, Extremes]) -> Iterator[tuple[str, str]]:
    """Scores of rows that lie so far apart that one grid has no steps for any."""
    for node in model.graph:
        found, scores = rows.get(str(node.name)), node.inputs[0] if node.inputs else None
        if found is None or scores is None or found.high - found.low <= 255 * COARSEST_SCORE:
            continue
        yield from ((name, APART) for name in _back_to_its_maker(scores))


def _back_to_its_maker(value: ir.Value) -> Iterator[str]:
    """Names of a value and of those that it was moved, picked or clipped from."""
    waiting, seen = [value], set()
    while waiting:
        each = waiting.pop()
        if each.const_value is not None or str(each.name) in seen:
            continue
        seen.add(str(each.name))
        yield str(each.name)
        node = each.producer()
        if node is None or node.op_type == "Where":
            continue
        moved = node.inputs[:1] if bounds(node) else ()
        if node.op_type in PASSES:
            moved = node.inputs if PASSES[node.op_type] is None else node.inputs[:1]
        waiting += [source for source in moved if source is not None]


def float_values(model: ir.Model) -> list[ir.Value]:
    """The float32 graph inputs and node outputs that hold anything, in the order they come to be."""
    values = [*model.graph.inputs, *(value for node in model.graph for value in node.outputs)]
    return [value for value in values if value.dtype == ir.DataType.FLOAT and _size(value) > 0]


def _size(value: ir.Value) -> int:
    if value.shape is None or not value.shape.is_static():
        raise InputError(
            f"value {value.name!r} has no static shape: run passes.canonicalize on the model first"
        )
    return int(np.prod(value.shape.numpy(), dtype=np.int64))


def _follows(value: ir.Value) -> bool:
    """True when the extremes of a value follow exactly from those of another; outputs are looked at themselves."""
    node = value.producer()
    if node is None or value.is_graph_output():
        return False
    return node.op_type in MOVES_ONLY or bounds(node) is not None


def _completed(model: ir.Model, measured: Mapping[str, Extremes]) -> dict[str, Extremes]:
    """Every value in the graph's order, with those that follow from others."""
    found: dict[str, Extremes] = {}
    for value in float_values(model):
        name = str(value.name)
        node = value.producer()
        source = node.inputs[0] if node is not None and name not in measured else None
        if node is None or source is None:
            found[name] = measured[name]
        else:
            found[name] = found[str(source.name)].limited(*(bounds(node) or (-np.inf, np.inf)))
    return found


def _require_numbers(model: ir.Model, found: Mapping[str, Extremes], index: int) -> None:
    """NaN inside the graph is allowed, in an input or an output it is not.

    Raises:
        CalibrationError: an input or an output of the graph has one; the first value that has is named.
    """
    ends = [*model.graph.inputs, *model.graph.outputs]
    if not any(str(value.name) in found and found[str(value.name)].nan for value in ends):
        return
    value = next(value for value in float_values(model) if found[str(value.name)].nan)
    node = value.producer()
    where = "the model's input" if node is None else f"output of {node.op_type} {node.name!r}"
    softmax = node is not None and node.op_type in SOFTMAXES
    raise CalibrationError(
        f"value {value.name!r} ({where}): expected numbers, found NaN in calibration sample {index}, and it reaches "
        f"an output. {ADVICE if softmax else 'Check that sample, then the weights before this value'}"
    )
