"""Tighter ranges: outliers are clipped where that costs less than the coarser steps they would need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.samples import Samples
from edgemm.quantize import Calibration
from edgemm.quantize.calibration import float_values
from edgemm.quantize.grid import Range, asymmetric
from edgemm.quantize.reference import Reference

MAX_SAMPLES = 4
PER_SAMPLE = 4096
"""How many numbers of each tensor of each sample are used."""
SHARES = np.linspace(0.3, 1.0, 29)
"""Parts of the whole range that are tried."""
PERCENTILE = 99.99
BINS = 2048
"""Of the histogram for the entropy."""

Values = npt.NDArray[np.floating[Any]]
"""Within the range that they are given with."""


def tightened(
    model: ir.Model,
    calibration: Calibration,
    samples: Samples,
    method: str,
    check: Callable[[], None] = lambda: None,
) -> Calibration:
    """The calibration with other ranges for everything that is computed.

    Args:
        method: "mse", "percentile" or "entropy".
        check: called for each tensor; ends the search by raising.
    """
    choose = METHODS[method]
    inputs = {str(value.name) for value in model.graph.inputs}
    ranges = dict(calibration.ranges)
    for name, values in _kept(model, samples).items():
        check()
        if name in ranges and name not in inputs:
            ranges[name] = _chosen(choose, values, ranges[name].with_zero())
    return replace(calibration, ranges=ranges)


def _chosen(choose: Callable[[Values, Range], Range], values: Values, whole: Range) -> Range:
    """Of the numbers within the range, which has zero in it; in float64, where every range has room for bins."""
    numbers = values[~np.isnan(values)].astype(np.float64)
    return choose(np.clip(numbers, whole.low, whole.high), whole) if numbers.size else whole


def _kept(model: ir.Model, samples: Samples) -> Mapping[str, Values]:
    """Numbers of every float value, drawn evenly."""
    copy = model.clone()
    values = [value for value in float_values(copy) if not value.is_graph_input()]
    copy.graph.outputs.clear()
    copy.graph.outputs.extend(values)
    reference = Reference(copy, optimize=False)
    kept: dict[str, list[Values]] = {str(value.name): [] for value in values}
    for sample in samples.inputs[:MAX_SAMPLES]:
        for name, array in reference.run(sample).items():
            flat = array.reshape(-1)
            step = max(len(flat) // PER_SAMPLE, 1)
            kept[name].append(flat[::step].copy())
    return {name: np.concatenate(parts) for name, parts in kept.items()}


def mse_range(values: Values, whole: Range) -> Range:
    """The part of the range whose grid loses least, in the mean of squares."""

    def loss(share: float) -> float:
        part = Range(whole.low * share, whole.high * share)
        grid = asymmetric(part)
        error = grid.dequantize(grid.quantize(values)) - values
        return float(np.square(error, dtype=np.float64).mean())

    best = min(SHARES[::-1], key=loss)
    return Range(whole.low * float(best), whole.high * float(best))


def percentile_range(values: Values, whole: Range) -> Range:
    """Without the outermost of each ten thousand."""
    low, high = np.percentile(values, [100 - PERCENTILE, PERCENTILE])
    return Range(max(whole.low, min(float(low), 0.0)), min(whole.high, max(float(high), 0.0)))


def entropy_range(values: Values, whole: Range) -> Range:
    """The part of the range that keeps the distribution of the numbers best: the least Kullback-Leibler
    divergence between their histogram and that of the clipped and rounded ones."""
    ends = (whole.low, whole.high)
    truth, _ = np.histogram(values, BINS, ends)

    def divergence(share: float) -> float:
        grid = asymmetric(Range(whole.low * share, whole.high * share))
        rounded = grid.dequantize(grid.quantize(values))
        jitter = (np.arange(len(values)) % 64 / 64 - 0.5) * grid.scalar  # a step stands for all numbers in it
        found, _ = np.histogram(rounded + jitter, BINS, ends)
        p, q = (truth + 1e-6) / (truth.sum() + 1e-6 * BINS), (found + 1e-6) / (found.sum() + 1e-6 * BINS)
        return float((p * np.log(p / q)).sum())

    best = min(SHARES[::-1], key=divergence)
    return Range(whole.low * float(best), whole.high * float(best))


METHODS: dict[str, Callable[[Any, Range], Range]] = {
    "mse": mse_range,
    "percentile": percentile_range,
    "entropy": entropy_range,
}
