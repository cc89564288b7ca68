"""Calibration: the smallest and largest value that every tensor of the graph takes on real data.

The minimum and maximum are computed inside the graph, by nodes added beside each value, so that only scalars
leave the runtime and no activation lives longer than in an ordinary run. They are the
true extremes: a moving average would clip the ranges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.errors import CalibrationError, InputError
from edgemm.quantize.fusion import bounds
from edgemm.quantize.grid import Range
from edgemm.quantize.reference import Reference, Sample

Progress = Callable[[int, int], None]
"""Called with (samples done, samples in all)."""

MOVES_ONLY = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Operators whose output holds exactly the values of their first input: nothing to measure."""

_MEASURES = ("ReduceMin", "ReduceMax", "ReduceSum")
"""The sum is there for NaN and infinity, which a minimum and a maximum may pass over."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was seen of the values of one graph."""

    ranges: Mapping[str, Range]
    """Value name -> its extremes over all samples, for every float32 graph input and node output."""
    samples: int
    """How many samples were run."""


def calibrate(model: ir.Model, samples: Sequence[Sample], *, progress: Progress | None = None) -> Calibration:
    """Runs every sample through a canonical graph, one at a time, and keeps each value's extremes.

    Args:
        model: canonical; left as it is.
        samples: input name -> array in the model's own shape, batch of 1 included.
        progress: called after each sample.

    Raises:
        InputError: no samples, or one that does not fit the model's inputs.
        CalibrationError: a value of the graph is NaN or infinite.
    """
    if not len(samples):
        raise InputError("calibration needs samples, found none. Give at least 16 that the model may meet")
    measured = [value for value in float_values(model) if not _follows(value)]
    probe = Reference(_with_measures(model, measured), optimize=False)
    low = np.full(len(measured), np.inf, np.float32)
    high = np.full(len(measured), -np.inf, np.float32)
    for index, sample in enumerate(samples):
        seen = np.array(list(probe.run(sample).values()), np.float32).reshape(len(measured), len(_MEASURES))
        for at in np.flatnonzero(~np.isfinite(seen).all(axis=1)):
            _require_finite(model, measured[at], sample, index)
        np.minimum(low, seen[:, 0], out=low)
        np.maximum(high, seen[:, 1], out=high)
        if progress is not None:
            progress(index + 1, len(samples))
    found = {str(v.name): Range(float(a), float(b)) for v, a, b in zip(measured, low, high, strict=True)}
    return Calibration(_completed(model, found), len(samples))


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
    """True when the extremes of a value follow exactly from those of another."""
    node = value.producer()
    return node is not None and (node.op_type in MOVES_ONLY or bounds(node) is not None)


def _completed(model: ir.Model, measured: Mapping[str, Range]) -> dict[str, Range]:
    """Every value in the graph's order, with those that follow from others."""
    ranges: dict[str, Range] = {}
    for value in float_values(model):
        name = str(value.name)
        node = value.producer()
        source = node.inputs[0] if node is not None and name not in measured else None
        if node is None or source is None:
            ranges[name] = measured[name]
            continue
        before = ranges[str(source.name)]
        lower, upper = bounds(node) or (-np.inf, np.inf)
        low, high = np.clip(np.array([before.low, before.high], np.float32), lower, upper)
        ranges[name] = Range(float(low), float(high))
    return ranges


def _with_measures(model: ir.Model, values: Sequence[ir.Value]) -> ir.Model:
    """A copy whose outputs are the measures of `values`, each computed as soon as its value is there."""
    copy = model.clone()
    graph = copy.graph
    here = {value.name: value for value in float_values(copy)}
    graph.outputs.clear()
    for index, value in enumerate(here[each.name] for each in values):
        nodes = [_measure(kind, value, f"edgemm.{index}.{kind}") for kind in _MEASURES]
        producer = value.producer()
        if producer is not None:
            graph.insert_after(producer, nodes)
        elif len(graph):
            graph.insert_before(graph[0], nodes)
        else:
            graph.extend(nodes)
        graph.outputs.extend(node.outputs[0] for node in nodes)
    return copy


def _measure(kind: str, value: ir.Value, name: str) -> ir.Node:
    node = ir.node(kind, [value], {"keepdims": 0}, name=name)
    output = node.outputs[0]
    output.name, output.shape, output.type = name, ir.Shape(()), ir.TensorType(ir.DataType.FLOAT)
    return node


def _require_finite(model: ir.Model, value: ir.Value, sample: Sample, index: int) -> None:
    """Looks at all of one value; a sum that overflowed without one NaN or infinity is no fault.

    Raises:
        CalibrationError: there is a NaN or an infinity.
    """
    array = _fetch(model, str(value.name), sample)
    nan, infinite = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    if not nan + infinite:
        return
    node = value.producer()
    where = "the model's input" if node is None else f"output of {node.op_type} {node.name!r}"
    raise CalibrationError(
        f"value {value.name!r} ({where}): expected finite numbers, found {nan} NaN and {infinite} infinite of "
        f"{array.size} in calibration sample {index}. Check that sample, then the weights before this value"
    )


def _fetch(model: ir.Model, name: str, sample: Sample) -> npt.NDArray[Any]:
    if name in sample:
        return np.asarray(sample[name])
    copy = model.clone()
    copy.graph.outputs.clear()
    copy.graph.outputs.append(next(value for value in float_values(copy) if value.name == name))
    return Reference(copy, optimize=False).run(sample)[name]
