"""The gate: limits of fidelity, and sentences about those that were missed."""

from __future__ import annotations

from dataclasses import dataclass

from edgemm.converters.fidelity.account import MIN_SNR_DB, OutputFidelity
from edgemm.errors import InputError

MAX_DB = 200.0
"""What "no difference" counts as."""

RARE = 0.1
"""Share of rows below which an answer counts as rare."""
MOST_RARE = 5.0

ROUNDING = 1e-9
"""Rounding error of shares that is allowed."""

TOLD = 3
"""How many parts of one output a message names."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Limits of fidelity. A value that is not finite where the source's is finite misses every gate.

    Raises:
        InputError: a limit is out of range.
    """

    min_agreement: float = 0.98
    """Classes without labels: share of samples (steps, pixels) with the same best class."""
    max_accuracy_loss: float = 0.01
    """Classes with labels: accuracy lost, 0..1."""
    min_snr_db: float = MIN_SNR_DB
    """Outputs that are not classes: the SNR of every part, in dB."""

    def __post_init__(self) -> None:
        _within("min_agreement", self.min_agreement, 1.0)
        _within("max_accuracy_loss", self.max_accuracy_loss, 1.0)
        _within("min_snr_db", self.min_snr_db, MAX_DB)


def _within(name: str, value: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= most:
        raise InputError(f"{name}: expected a number from 0 to {most:g}, found {value!r}")


def missed(one: OutputFidelity, gate: Gate, wrong: str = "", informed: bool = True) -> list[str]:
    """Sentences about the limits that an output misses; none when the gate passes.

    Args:
        wrong: a sentence about values that are not finite and ought to be; "" for none.
        informed: the labels fit the source well enough to judge by them.
    """
    if wrong:
        return [f"output {one.name!r}: {wrong}"]
    if one.accuracy is not None and one.accuracy_float is not None and informed:
        return _missed_accuracy(one, one.accuracy, one.accuracy_float, gate)
    if one.top1_agreement is not None:
        return _missed_agreement(one, one.top1_agreement, gate)
    return _missed_snr(one, gate)


def _missed_accuracy(one: OutputFidelity, accuracy: float, in_float: float, gate: Gate) -> list[str]:
    if in_float - accuracy <= gate.max_accuracy_loss + ROUNDING:
        return []
    return [
        f"output {one.name!r}: accuracy {accuracy:.1%} against {in_float:.1%} in float "
        f"(allowed loss {gate.max_accuracy_loss:.1%})"
    ]


def _missed_agreement(one: OutputFidelity, share: float, gate: Gate) -> list[str]:
    if not share >= gate.min_agreement:
        return [
            f"output {one.name!r}: same best class on {share:.1%} of {one.rows} samples or steps "
            f"(at least {gate.min_agreement:.1%})"
        ]
    return _missed_besides(one, share, gate)


def _missed_besides(one: OutputFidelity, share: float, gate: Gate) -> list[str]:
    """What goes wrong behind a class that is nearly always the answer: the blank between letters, the background."""
    besides, rows = one.besides_agreement, one.besides_rows or 0
    if besides is None or round((1.0 - besides) * rows) <= 1:  # one wrong row alone proves nothing
        return []
    enough = 1.0 - min(1.0, allowance(rows / (one.rows or rows)) * (1.0 - gate.min_agreement))
    if besides >= enough - ROUNDING:
        return []
    return [
        f"output {one.name!r}: same best class on {besides:.1%} of the {rows} samples or steps whose answer is not the "
        f"most common class (at least {enough:.1%}; {share:.1%} of all {one.rows})"
    ]


def allowance(rare: float) -> float:
    """How many times more of the rare rows may differ than of all.

    One, where they are a tenth of all rows or more: letters between blanks, of which each counts. Up to MOST_RARE where
    they are fewer: of the anchors around one face, or the pixels along an edge, some may change sides.
    """
    return float(min(max(RARE / max(rare, 1e-9), 1.0), MOST_RARE))


def _missed_snr(one: OutputFidelity, gate: Gate) -> list[str]:
    low = sorted(
        (each for each in one.parts if not each.snr_db >= gate.min_snr_db), key=lambda each: each.snr_db
    )
    if low and low[0].indices:
        told = ", ".join(f"{each.snr_db:.1f} dB in {each}" for each in low[:TOLD])
        more = f" and {len(low) - TOLD} more parts" if len(low) > TOLD else ""
        return [
            f"output {one.name!r}: parts of unlike meaning, judged apart: {told}{more} against float (at least "
            f"{gate.min_snr_db:.0f} dB; {one.snr_db:.1f} dB over all)"
        ]
    if one.worst_db >= gate.min_snr_db:
        return []
    return [f"output {one.name!r}: {one.worst_db:.1f} dB against float (at least {gate.min_snr_db:.0f} dB)"]
