"""Right, or what is wrong: one written file against the truth of its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.differential.runtimes import Array, Outputs, in_layout_of
from tests.differential.source import Source

FLOAT_ERROR = 1e-4
"""Of an output's range."""
OWN_DIFFERENCE = 4.0
"""A float file may be so many times as far from its source as the source from itself, optimized and not."""
REPORTED_DB = 1.0
"""Between what a conversion reports and what is measured on the same samples."""
EXACT_DB = 80.0
"""Beyond it a figure tells float rounding, which no two machines share: FLOAT_ERROR judges that."""
BELOW_PEER_DB = 6.0
USABLE_DB = 5.0
"""Where onnxruntime's own int8 keeps less, it is no measure."""
LIMIT_DB = 38.0
"""onnxruntime leaves in float what it has no integer form for; more than 8 bits can hold is not asked of int8."""
BELOW_ORIGINAL_DB = 1.0
"""A file made of a quantized source may be so much farther from the float model than the source is."""
JUMPED = 0.05
"""Share of numbers that may be anything where the source jumps."""
FLIPPED = 0.3
"""Share of whole numbers that may differ more than they do in onnxruntime's int8: 8 samples tell no less."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a file."""

    kind: str
    """Two or three words, the same for the same kind."""
    what: str
    """With numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What came of one conversion, and what the file gives in its runtime."""

    scheme: str
    """"float", "static" or "dynamic", whatever was asked for."""
    reported_db: Sequence[float | None]
    """Per output; None where the conversion reports none."""
    evaluation: Sequence[Outputs]
    fresh: Sequence[Outputs]
    unoptimized: Sequence[Outputs] = field(default_factory=list)
    """.onnx: the evaluation data without onnxruntime's optimizations."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one output, for the report."""

    measured_db: float | None = None
    reported_db: float | None = None
    peer_db: float | None = None
    float_error: float | None = None
    """Of the range."""


def judge(
    source: Source, written: Written, peer: Sequence[Outputs] | None
) -> tuple[list[Fault], list[Figures]]:
    """Every fault of the file, and the figures of its outputs."""
    faults: list[Fault] = []
    figures: list[Figures] = []
    for index in range(len(source.evaluation[0])):
        output = _Output(source, written, peer, index)
        faults += output.faults()
        figures.append(output.figures())
    return faults, figures


def decibels(truth: Array, found: Array) -> float:
    """Signal to noise over what is finite in the truth; 200 for equal arrays."""
    finite = np.isfinite(truth)
    signal = float(np.square(truth[finite]).sum())
    noise = float(np.square(truth[finite] - found[finite]).sum())
    if noise == 0.0:
        return 200.0
    return (
        float(np.clip(10 * np.log10(max(signal, 1e-30) / noise), -200.0, 200.0))
        if np.isfinite(noise)
        else -200.0
    )


def _stack(runs: Sequence[Outputs], index: int) -> npt.NDArray[np.float64]:
    return np.stack([run[index] for run in runs]).astype(np.float64)


class _Output:
    """One output of the file beside the source's."""

    def __init__(self, source: Source, written: Written, peer: Sequence[Outputs] | None, index: int) -> None:
        self._source, self._written, self._index = source, written, index
        self._exact = source.evaluation[0][index].dtype.kind in "biu"
        self._reported = written.reported_db[index]
        self._truth = _stack(source.evaluation, index)
        self._found = self._restored(written.evaluation, source.evaluation)
        self._peer = _stack(peer, index) if peer is not None else None

    def _restored(self, found: Sequence[Outputs], truth: Sequence[Outputs]) -> Any:
        """In the source's layout; None when a shape is another."""
        pairs = [(mine[self._index], true[self._index]) for mine, true in zip(found, truth, strict=True)]
        arrays = [in_layout_of(mine, true) for mine, true in pairs]
        if any(mine.shape != true.shape for mine, (_, true) in zip(arrays, pairs, strict=True)):
            return None
        return np.stack(arrays).astype(np.float64)

    def faults(self) -> list[Fault]:
        """What is wrong with it."""
        if self._found is None:
            shapes = self._written.evaluation[0][self._index].shape, self._truth.shape[1:]
            return [Fault("shape", f"output {self._index} has shape {shapes[0]}, the source's {shapes[1]}")]
        found = [*self._not_finite()]
        if self._written.scheme == "float" and self._source.original is None:
            found += self._float_error()
        if self._exact:
            return found + self._flipped()
        return found + self._misreported() + self._below_peer() + self._below_original()

    def figures(self) -> Figures:
        """For the report."""
        if self._found is None or self._exact:
            return Figures()
        peer = decibels(self._truth, self._peer) if self._peer is not None else None
        error = self._error(self._truth, self._found) if self._written.scheme == "float" else None
        return Figures(decibels(self._truth, self._found), self._reported, peer, error)

    def _not_finite(self) -> list[Fault]:
        """Infinite or no number where the source is finite; a rounding may reach what is infinite by nature."""
        if self._written.scheme != "float" and not np.isfinite(self._truth).all():
            return []
        runs = [
            (self._written.evaluation, self._source.evaluation),
            (self._written.fresh, self._source.fresh),
            (self._written.unoptimized, self._source.evaluation[: len(self._written.unoptimized)]),
        ]
        for found, truth in runs:
            if (
                found
                and (
                    np.isfinite(_stack(truth, self._index)) & ~np.isfinite(self._restored(found, truth))
                ).any()
            ):
                return [
                    Fault(
                        "not finite",
                        f"output {self._index} is infinite or no number where the source is finite",
                    )
                ]
        return []

    def _float_error(self) -> list[Fault]:
        """Evaluation and fresh data, optimized and not."""
        runs = [
            (self._written.evaluation, self._source.evaluation),
            (self._written.fresh, self._source.fresh),
        ]
        if self._written.unoptimized:
            runs.append((self._written.unoptimized, self._source.evaluation))
        for found, truth in runs:
            mine, true = self._restored(found, truth), _stack(truth, self._index)
            error = self._error(true, mine)
            if self._exact and error > 0.0 and self._source.own_difference[self._index] == 0.0:
                return [
                    Fault("float numbers", f"output {self._index}: whole numbers differ by up to {error:.3g}")
                ]
            allowed = max(FLOAT_ERROR, self._source.precision)
            allowed = max(
                allowed, OWN_DIFFERENCE * self._source.own_difference[self._index] / self._spread(true)
            )
            if not error <= allowed and not self._exact:
                return [
                    Fault(
                        "float error",
                        f"output {self._index}: {error:.3g} of its range, allowed {allowed:.3g}",
                    )
                ]
        return []

    @staticmethod
    def _spread(truth: Array) -> float:
        finite = truth[np.isfinite(truth)]
        return (float(np.ptp(finite)) or float(np.abs(finite).max()) or 1e-6) if finite.size else 1.0

    def _error(self, truth: Array, found: Array) -> float:
        """Largest difference, of the range; what is infinite must be infinite the same way."""
        finite = np.isfinite(truth)
        if not np.array_equal(truth[~finite], found[~finite], equal_nan=True):
            return float("inf")
        apart = np.abs(truth[finite] - found[finite])
        return float(apart.max()) / self._spread(truth) if apart.size else 0.0

    def _flipped(self) -> list[Fault]:
        """Whole numbers and booleans that differ far more often than in onnxruntime's int8."""
        if self._peer is None or not self._truth.size:
            return []
        mine, theirs = (float(np.mean(self._truth == each)) for each in (self._found, self._peer))
        if mine >= theirs - FLIPPED:
            return []
        return [
            Fault(
                "other numbers",
                f"output {self._index}: {mine:.0%} the same, {theirs:.0%} in onnxruntime's int8",
            )
        ]

    def _misreported(self) -> list[Fault]:
        """The conversion's own figure against what is measured."""
        if self._reported is None or not np.isfinite(self._truth).all() or not self._truth.size:
            return []
        measured = decibels(self._truth, self._found)
        if abs(measured - self._reported) <= REPORTED_DB or min(measured, self._reported) > EXACT_DB:
            return []
        return [
            Fault(
                "reported", f"output {self._index}: {self._reported:.1f} dB reported, {measured:.1f} measured"
            )
        ]

    def _below_peer(self) -> list[Fault]:
        """int8 against onnxruntime's."""
        if self._peer is None or self._written.scheme == "float" or not self._truth.size:
            return []
        low, high = self._source.calibrated[self._index]
        seen = (self._truth >= low) & (
            self._truth <= high
        )  # beyond, a grid clips, and what is left in float does not
        mine, theirs = (self._kept(self._truth[seen], each[seen]) for each in (self._found, self._peer))
        if theirs < USABLE_DB or mine >= min(theirs, LIMIT_DB) - BELOW_PEER_DB:
            return []
        return [
            Fault(
                "below onnxruntime", f"output {self._index}: {mine:.1f} dB, onnxruntime's static {theirs:.1f}"
            )
        ]

    def _kept(self, truth: Array, found: Array) -> float:
        """Decibels; where the source jumps, without the few numbers that are farthest off."""
        if not self._source.jumps:
            return decibels(truth, found)
        nearest = np.argsort(np.abs(truth - found))[: int(np.ceil(truth.size * (1 - JUMPED)))]
        return decibels(truth[nearest], found[nearest])

    def _below_original(self) -> list[Fault]:
        """A quantized source: how far the file is from the float model, and how far the source."""
        if self._source.original is None:
            return []
        original = _stack(self._source.original, self._index)
        mine, theirs = decibels(original, self._found), decibels(original, self._truth)
        if mine >= min(theirs, LIMIT_DB) - BELOW_ORIGINAL_DB:
            return []
        what = f"output {self._index}: {mine:.1f} dB against the float model, the quantized source has {theirs:.1f}"
        return [Fault("below its source", what)]
