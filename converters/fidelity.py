"""What was kept: the written artifact against the float model, on real inputs, and the gate on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.converters.samples import Samples
from edgemm.errors import FidelityMissed

TIE_MARGIN = 0.02
"""Two best classes nearer than this share of the output's range are a tie: either answer counts."""


MIN_SNR_DB = 20.0


@dataclass(frozen=True, slots=True)
class OutputFidelity:
    """One output of the artifact against the float model."""

    name: str
    snr_db: float
    """Signal to noise, decibels, measured before a final softmax. Below about 20 is bad for sound and
    pictures; a classifier may be right at less."""
    max_abs_error: float
    """Largest absolute difference, in the output's own unit."""
    range: float
    """Largest minus smallest value of the float output."""
    top1_agreement: float | None = None
    """Share of samples with the same best class, ties counted as the same; None for what is no classifier."""
    accuracy_float: float | None = None
    """0..1, where the right answers are known."""
    accuracy: float | None = None
    """0..1, of the artifact."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What an artifact must keep."""

    min_agreement: float = 0.98
    """Classifiers without known answers: share of samples with the same best class."""
    max_accuracy_loss: float = 0.01
    """Classifiers with known answers."""
    min_snr_db: float = MIN_SNR_DB
    """Everything else."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """The account of one conversion."""

    samples: int
    outputs: tuple[OutputFidelity, ...]
    missed: tuple[str, ...] = field(default=())
    """What the gate found too low, in words; empty when it holds."""

    def to_json(self) -> dict[str, Any]:
        """For the card and for reports; None entries left out."""
        outputs = [{k: _round(v) for k, v in asdict(o).items() if v is not None} for o in self.outputs]
        return {"samples": self.samples, "outputs": outputs}

    def require(self, places: str = "") -> None:
        """Raises FidelityMissed when the gate does not hold.

        Args:
            places: where it was lost, in lines of text.
        """
        if self.missed:
            raise FidelityMissed(
                "the converted model lost too much, nothing was written: "
                + "; ".join(self.missed)
                + ". More or better calibration data usually helps; --gate warn writes it anyway"
                + (f"\n{places}" if places else "; --explain says which layers lose it")
            )


def _round(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def snr_db(expected: npt.NDArray[Any], found: npt.NDArray[Any]) -> float:
    """10 log10(signal power / error power); 200 for equal arrays."""
    signal = float(np.square(expected, dtype=np.float64).sum())
    noise = float(np.square(expected.astype(np.float64) - found).sum())
    if noise == 0.0:
        return 200.0
    return float(np.clip(10.0 * np.log10(max(signal, 1e-30) / noise), -200.0, 200.0))


def top1_agreement(expected: npt.NDArray[Any], found: npt.NDArray[Any]) -> float:
    """Share of rows with the same best column; a near-tie in `expected` (TIE_MARGIN) counts as the same
    when `found` picks one of the tied."""
    margin = TIE_MARGIN * float(expected.max() - expected.min())
    picked = np.take_along_axis(expected, found.argmax(axis=1)[:, None], axis=1)[:, 0]
    return float(np.mean(expected.max(axis=1) - picked <= margin))


def compare(
    expected: Mapping[str, npt.NDArray[Any]],
    found: Mapping[str, npt.NDArray[Any]],
    *,
    classifier: bool,
    labels: npt.NDArray[np.int64] | None = None,
    gate: Gate | None = None,
) -> Fidelity:
    """Two sets of outputs, name -> [samples, ...] real numbers, the same names in both."""
    outputs = []
    missed: list[str] = []
    for name, truth in expected.items():
        one = _compare_one(name, truth, found[name], classifier, labels)
        outputs.append(one)
        missed += _missed(one, gate or Gate())
    count = len(next(iter(expected.values()))) if expected else 0
    return Fidelity(count, tuple(outputs), tuple(missed))


def _compare_one(
    name: str,
    truth: npt.NDArray[Any],
    found: npt.NDArray[Any],
    classifier: bool,
    labels: npt.NDArray[np.int64] | None,
) -> OutputFidelity:
    rows, other = truth.reshape(len(truth), -1), found.reshape(len(found), -1)
    finite = truth.astype(np.float64)
    error = float(np.abs(finite - found).max()) if truth.size else 0.0
    spread = float(finite.max() - finite.min()) if truth.size else 0.0
    agreement = accuracy_float = accuracy = None
    if classifier and rows.shape[1] > 1:
        agreement = top1_agreement(rows, other)
        if labels is not None:
            accuracy_float = float(np.mean(rows.argmax(axis=1) == labels))
            accuracy = float(np.mean(other.argmax(axis=1) == labels))
    return OutputFidelity(name, snr_db(truth, found), error, spread, agreement, accuracy_float, accuracy)


def _missed(one: OutputFidelity, gate: Gate) -> list[str]:
    if one.accuracy is not None and one.accuracy_float is not None:
        loss = one.accuracy_float - one.accuracy
        if loss > gate.max_accuracy_loss:
            return [
                f"output {one.name!r}: accuracy {one.accuracy:.1%} against {one.accuracy_float:.1%} in float "
                f"(allowed loss {gate.max_accuracy_loss:.1%})"
            ]
        return []
    if one.top1_agreement is not None:
        if one.top1_agreement < gate.min_agreement:
            return [
                f"output {one.name!r}: same best class on {one.top1_agreement:.1%} of the samples "
                f"(at least {gate.min_agreement:.1%})"
            ]
        return []
    if one.snr_db < gate.min_snr_db:
        return [f"output {one.name!r}: {one.snr_db:.1f} dB against float (at least {gate.min_snr_db:.0f} dB)"]
    return []


def stack(runs: Sequence[Mapping[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
    """One dictionary per sample -> name -> [samples, ...]."""
    return {name: np.stack([run[name] for run in runs]) for name in runs[0]} if runs else {}


def evaluation_part(samples: Samples, limit: int = 128) -> Samples:
    """At most `limit` samples, spread evenly: what is measured on."""
    if len(samples) <= limit:
        return samples
    chosen = np.linspace(0, len(samples) - 1, limit).astype(int)
    labels = None if samples.labels is None else samples.labels[chosen]
    return Samples(tuple(samples.inputs[i] for i in chosen), labels)
