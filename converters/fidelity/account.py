"""The measured fidelity of one conversion, output by output."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from edgemm.converters.fidelity.parts import PartFidelity
from edgemm.converters.fidelity.task_gate import TaskFidelity
from edgemm.errors import FidelityMissed

MAX_PARTS = 16
"""Parts of one output that are recorded: the worst ones."""
MIN_SNR_DB = 20.0
"""Below that, an output says little of what the source says."""


@dataclass(frozen=True, slots=True)
class OutputFidelity:
    """One output of the file compared with the source's, including a final softmax."""

    name: str
    snr_db: float
    """Signal to noise, decibels, of all finite values together. Below about 20 is bad for sound and pictures; a
    classifier may be right at less. NaN where nothing could be measured, as are the next two."""
    max_abs_error: float
    """Largest absolute difference between finite values, in the output's own unit."""
    range: float
    """Largest minus smallest finite value of the source."""
    top1_agreement: float | None = None
    """Share of samples (steps, pixels) with the same best class (the first of the best scores, as runtimes answer;
    where the source's own best scores are equal, any of them); None for numbers."""
    accuracy_float: float | None = None
    """0..1, of the source, where the right answers are known."""
    accuracy: float | None = None
    """0..1, of the file."""
    rows: int | None = None
    """Samples, or steps or pixels of all samples, that a class was compared in."""
    besides_agreement: float | None = None
    """As `top1_agreement`, in the rows where either side answers another class than the most common one; None where no
    class is that common."""
    besides_rows: int | None = None
    parts: tuple[PartFidelity, ...] = ()
    """Of an output of numbers that holds unlike parts: each on its own scale."""
    infinite: int = 0
    """Values that are infinite or NaN in the source, and the same in the file."""
    wrongly_infinite: int = 0
    """Values that are infinite or NaN on one side alone."""
    not_measured: Literal["", "source", "file"] = ""
    """"source": none of its values is finite in the source, so there is nothing to compare with; "file": none is
    finite in source and file both. Empty where something was measured."""

    class_numbers: bool = False
    """The values are numbers of classes, whose size means nothing: see `top1_agreement`."""
    constant: bool = False
    """All its values, more than one, are the same in the source."""

    @property
    def agreement(self) -> float | None:
        """The lower of the two agreements."""
        shares = [each for each in (self.top1_agreement, self.besides_agreement) if each is not None]
        return min(shares, default=None)

    @property
    def judged_in_steps(self) -> bool:
        """It holds scores in 0..1, of which errors below a step of 8 bits were left out: see `parts`."""
        return any(not each.indices for each in self.parts)

    @property
    def worst_db(self) -> float:
        """Of the worst part; of the whole where it has none."""
        return min((each.snr_db for each in self.parts), default=self.snr_db)

    def to_json(self) -> dict[str, Any]:
        """What is known, rounded; never NaN or infinite: what could not be measured is None."""
        content = {key: _round(value) for key, value in asdict(self).items() if value is not None}
        kept = sorted(self.parts, key=lambda each: each.snr_db)[:MAX_PARTS]
        content["parts"] = [
            {"axis": each.axis, "indices": each.indices, "snr_db": _round(each.snr_db)} for each in kept
        ]
        absent = [
            key
            for key in ("parts", "infinite", "wrongly_infinite", "not_measured", "class_numbers", "constant")
            if not content[key]
        ]
        return {key: value for key, value in content.items() if key not in absent}


@dataclass(frozen=True, slots=True)
class Fidelity:
    """The measured fidelity of one conversion."""

    samples: int
    outputs: tuple[OutputFidelity, ...]
    missed: tuple[str, ...] = field(default=())
    """Sentences about the limits that were missed; empty when the gate passes."""
    task: tuple[TaskFidelity, ...] = ()
    """By the task of the card: the file's results against the source's, and against the truth where it is known; empty
    where the task has none, or the samples show nothing."""

    @property
    def worst_db(self) -> float:
        """Of the worst part of the worst output that could be measured."""
        return min((each.worst_db for each in self.outputs if not each.not_measured), default=200.0)

    @property
    def beyond_repair(self) -> bool:
        """An output is nowhere finite in the source itself: no other conversion can be closer to it."""
        return any(each.not_measured == "source" for each in self.outputs)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the task's gate measured; and remarks on outputs that are infinite or NaN, in the source too, or so that
        nothing was measured, on those that were one value everywhere, and on scores that are lost in a step."""
        held = (each.sentence for each in self.task if each.holds)
        return (*held, *self._infinite, *self._constant, *self._lost_in_a_step)

    @property
    def _infinite(self) -> tuple[str, ...]:
        return tuple(
            f"output {each.name!r}: nothing was measured, because none of its values is finite in "
            + ("the source" if each.not_measured == "source" else "both source and file")
            if each.not_measured
            else f"output {each.name!r} has {each.infinite} infinite or NaN values, which are the same in the source"
            for each in self.outputs
            if each.infinite or each.not_measured
        )

    @property
    def _constant(self) -> tuple[str, ...]:
        return tuple(
            f"output {each.name!r}: the source answers one value everywhere on these samples, so nothing is known of "
            "any other answer. Give data on which it answers more (--evaluate)"
            for each in self.outputs
            if each.constant
        )

    @property
    def _lost_in_a_step(self) -> tuple[str, ...]:
        return tuple(
            f"output {each.name!r}: scores from 0 to 1, judged without errors below a step of 1/256; with these it "
            f"keeps {each.snr_db:.1f} dB, so that its small values say little. Where they matter, --scheme dynamic "
            "keeps more of them"
            for each in self.outputs
            if each.judged_in_steps and each.snr_db < MIN_SNR_DB
        )

    def to_json(self) -> dict[str, Any]:
        """For the card and for reports; None entries left out."""
        content: dict[str, Any] = {
            "samples": self.samples,
            "outputs": [each.to_json() for each in self.outputs],
        }
        return content | ({"task": [each.to_json() for each in self.task]} if self.task else {})

    def require(self, places: str = "", cause: str = "") -> None:
        """Raises FidelityMissed when the gate does not hold.

        Args:
            places: where it was lost, in lines of text.
            cause: why the source answers nothing finite, a sentence; "" where that is not known.
        """
        if not self.missed:
            return
        said = "; ".join(self.missed)
        if self.beyond_repair:
            raise FidelityMissed(
                f"nothing was written: {said}. {cause}{' ' if cause else ''}No conversion can repair that: run the "
                "source itself on real data (--evaluate), and correct the model. --gate warn writes it anyway"
            )
        raise FidelityMissed(
            f"fidelity is below the gate, nothing was written: {said}. More or better calibration data usually helps; "
            "--gate warn writes it anyway"
            + (f"\n{places}" if places else "; --explain shows which layers lose it")
        )


def _round(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return None if math.isnan(value) else float(f"{value:.6g}")
