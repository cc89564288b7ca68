"""A converted bundle against its source: the scores of the same steps, and the results.

Where a driver decides by scores what it does next, one token that differs changes all that follow. So the converted
bundle is led along the source's steps (teacher forcing): its driver is given the source's scores, and its own are
compared with them. Its parts keep their own states. Besides, both answer freely.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgemm.converters.bundles.recorded import answered, followed
from edgemm.converters.fidelity import Gate
from edgemm.converters.fidelity.agreement import agreement
from edgemm.converters.fidelity.decibels import decibels
from edgemm.converters.fidelity.task_gate import JUDGED, TaskFidelity, agreed, lost
from edgemm.errors import InputError
from edgemm.judge import METRICS, Metric, metric
from edgemm.judge.items import Item
from edgemm.results import Audio, TextLines, Transcript, Written
from edgemm.tasks.driver import TellsItsScores
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

if TYPE_CHECKING:
    from edgemm.model.bundle import BundleModel

Scores = npt.NDArray[np.float32]
SKILL: Mapping[tuple[str, bool], float] = {
    ("points", True): 10.0,
    ("share", True): 0.1,
    ("share", False): 0.5,
}
"""Unit of a metric, and whether more is better -> the figure of a source beyond which a loss of the metric shows; those
that answer next to nothing right are judged by their scores."""


@dataclass(frozen=True, slots=True)
class ForcedFidelity:
    """Scores of the converted bundle over the steps that the source takes."""

    role: str
    output: str
    steps: int
    """Rows of scores."""
    snr_db: float
    top1_agreement: float
    """0..1: the best class is the source's."""

    def holds(self, limits: Gate) -> bool:
        """Enough are the same, or all but one: one step alone proves nothing."""
        other = round((1.0 - self.top1_agreement) * self.steps)
        return math.isfinite(self.snr_db) and (other <= 1 or self.top1_agreement >= limits.min_agreement)

    def to_json(self) -> dict[str, Any]:
        """Rounded."""
        return {
            "role": self.role, "output": self.output, "steps": self.steps, "snr_db": _round(self.snr_db),
            "top1_agreement": _round(self.top1_agreement),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Together:
    """What the whole bundle kept."""

    items: int
    forced: ForcedFidelity | None = None
    """None where the driver decides nothing by scores."""
    same: float | None = None
    """0..1: share of the texts that are the source's, letter for letter; None where results are no texts."""
    snr_db: float | None = None
    """Of the sound, decibels against the source's; None where results are no sound."""
    task: tuple[TaskFidelity, ...] = ()
    """By the metric of the task: against the truth, or results against the source's."""
    missed: tuple[str, ...] = field(default=())
    """Sentences about the limits that were missed; empty when the gate passes."""

    def to_json(self) -> dict[str, Any]:
        """For bundle.json and reports; what is not known is left out."""
        content: dict[str, Any] = {"items": self.items}
        if self.forced is not None:
            content["forced"] = self.forced.to_json()
        if self.same is not None:
            content["same_texts"] = _round(self.same)
        if self.snr_db is not None:
            content["snr_db"] = _round(self.snr_db)
        return content | ({"task": [each.to_json() for each in self.task]} if self.task else {})

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was measured, for people."""
        said = []
        if self.forced is not None:
            each = self.forced
            said.append(
                f"led along the source's {each.steps} steps: the best class is the same in {each.top1_agreement:.1%}, "
                f"scores {each.snr_db:.1f} dB"
            )
        if self.same is not None:
            said.append(f"freely: {self.same:.1%} of {self.items} texts are the source's")
        if self.snr_db is not None:
            said.append(f"sound: {self.snr_db:.1f} dB against the source's")
        return (*said, *(each.sentence for each in self.task))


def judge(
    source: BundleModel,
    made: BundleModel,
    items: Sequence[Item],
    limits: Gate,
    tick: Callable[[int, int], None],
) -> Together:
    """Runs both on the items.

    Args:
        source: the bundle that was converted.
        made: what it was converted to.
        items: held out.
        limits: what must be kept.
        tick: called with (done, total).

    Raises:
        InputError: an item that the source cannot answer to.
    """
    forced = _forced(source, made, items, tick)
    free = Free(source.card.task, all(each.truth is not None for each in items))
    for number, item in enumerate(items):
        tick(len(items) + number, 2 * len(items))
        given = item.read()
        free.add(source(given), made(given), item.right)
    task = free.fidelity()
    missed = [each.sentence for each in task if not each.holds]
    informed = free.informed()
    if forced is not None and not informed and not forced.holds(limits):
        missed.append(
            f"part {forced.role!r}, output {forced.output!r}: the best class is the same in "
            f"{forced.top1_agreement:.1%} of the source's {forced.steps} steps (at least {limits.min_agreement:.1%})"
        )
    snr = free.snr_db()
    if snr is not None and (math.isnan(snr) or (forced is None and not informed and snr < limits.min_snr_db)):
        missed.append(f"sound: {snr:.1f} dB against the source's (at least {limits.min_snr_db:.0f} dB)")
    return Together(len(items), forced, free.same(), snr, task, tuple(missed))


class Free:
    """What both answer by themselves."""

    def __init__(self, task: str, known: bool) -> None:
        """Args:
        task: of the bundle.
        known: it is known for every item what is right.
        """
        self._task = task
        self.truths: tuple[Metric, Metric] | None = (
            (metric(task), metric(task)) if known and task in METRICS else None
        )
        """Of the source, of the converted bundle."""
        self._texts: list[bool] = []
        self._pairs: list[tuple[Any, Any]] = []
        self._signal = self._noise = 0.0
        self._sounds = 0

    def add(self, expected: Any, found: Any, right: Callable[[], Any]) -> None:
        """The results of one item."""
        if self.truths is not None:
            truth = right()
            for each, result in zip(self.truths, (expected, found), strict=True):
                each.add(result, truth)
        if isinstance(expected, Written | Transcript | TextLines):
            self._texts.append(expected.text == found.text)
        elif isinstance(expected, Audio):
            self._add_sound(expected.samples, found.samples)
        elif self._task in JUDGED:
            self._pairs.append((expected, found))

    def _add_sound(self, expected: npt.NDArray[Any], found: npt.NDArray[Any]) -> None:
        """Samples that only one of them has are noise."""
        self._sounds += 1
        most = max(len(expected), len(found))
        a, b = (np.pad(each.astype(np.float64), (0, most - len(each))) for each in (expected, found))
        self._signal += float(np.square(a).sum())
        self._noise += float(np.square(a - b).sum())

    def informed(self) -> bool:
        """What is right is known, and the source comes near enough to it for a loss to show."""
        if self.truths is None:
            return False
        source = self.truths[0]
        skill = SKILL.get((source.unit, source.higher_is_better))
        if skill is None:
            return not math.isnan(source.value())
        return source.value() > skill if source.higher_is_better else source.value() < skill

    def same(self) -> float | None:
        """Share of equal texts; None where there are none."""
        return sum(self._texts) / len(self._texts) if self._texts else None

    def snr_db(self) -> float | None:
        """Of all sound together; None where there is none."""
        return decibels(self._signal, self._noise) if self._sounds else None

    def fidelity(self) -> tuple[TaskFidelity, ...]:
        """By the metric, or by the results against each other."""
        found = []
        if self._pairs:
            found.append(agreed(self._task, self._pairs))
        if self.truths is not None:
            found.append(lost(*self.truths))
        return tuple(each for each in found if each is not None)


def _forced(
    source: BundleModel, made: BundleModel, items: Sequence[Item], tick: Callable[[int, int], None]
) -> ForcedFidelity | None:
    driver = source.driver
    if not isinstance(driver, TellsItsScores):
        return None
    role, output = driver.scores(source.card.recipe)
    taken: list[Scores] = []
    leading, led = Led(output, taken), Led(output, taken, lead=True)
    signal = noise = alike = 0.0
    rows = 0
    with (
        closing(followed(source, lambda each, part: leading.around(part) if each == role else part)) as first,
        closing(followed(made, lambda each, part: led.around(part) if each == role else part)) as second,
    ):
        for number, item in enumerate(items):
            tick(number, 2 * len(items))
            taken.clear()
            for session, scores in ((first, leading), (second, led)):
                scores.begin()
                session.reset()
                answered(session, source, item)
            for expected, found in zip(taken, led.own, strict=False):
                if expected.shape != found.shape:
                    raise InputError(
                        f"part {role!r}, output {output!r}: expected {list(expected.shape)}, found {list(found.shape)}"
                    )
                if not np.isfinite(found).all() and np.isfinite(expected).all():
                    noise = math.inf
                    rows += len(expected)
                    continue
                expected, found = _finite(expected, found)
                signal += float(np.square(expected.astype(np.float64)).sum())
                noise += float(np.square(found.astype(np.float64) - expected).sum())
                same = agreement(expected, found, -1)
                alike += same.share * same.rows
                rows += same.rows
    if not rows:
        return None
    return ForcedFidelity(role, output, rows, decibels(signal, noise), alike / rows)


def _finite(expected: Scores, found: Scores) -> tuple[Scores, Scores]:
    """With 0 in place of what the source itself forbids (-inf)."""
    there = np.isfinite(expected) & np.isfinite(found)
    return np.where(there, expected, 0), np.where(there, found, 0)


class Led:
    """The scores of one part, step by step; and those of the source in their place."""

    def __init__(self, output: str, taken: list[Scores], *, lead: bool = False) -> None:
        """Args:
        output: whose scores.
        taken: those of the source, in the order of its steps.
        lead: False: `taken` is filled. True: the driver is given what it holds.
        """
        self._output, self._taken, self._lead = output, taken, lead
        self.own: list[Scores] = []
        """What the part itself answered."""

    def begin(self) -> None:
        """A new item."""
        self.own.clear()

    def around(self, part: Any) -> Any:
        """What the driver sees as the part."""
        return _LedPart(part, self)

    def scores(self, given: Outputs) -> Outputs:
        """Of one step: what goes to the driver."""
        found = np.array(given.real(self._output), np.float32)
        rows = found.reshape(-1, found.shape[-1])
        self.own.append(rows)
        if not self._lead:
            self._taken.append(rows)
            return given
        place = len(self.own) - 1
        if place >= len(self._taken) or self._taken[place].shape != rows.shape:
            return given
        stored: Mapping[str, Any] = {spec.name: given.stored(spec.name) for spec in given.specs}
        specs = [
            TensorSpec(spec.name, found.shape, "float32") if spec.name == self._output else spec
            for spec in given.specs
        ]
        return Outputs.of(specs, {**stored, self._output: self._taken[place].reshape(found.shape)})


class _LedPart:
    def __init__(self, part: Any, led: Led) -> None:
        self._part, self._led = part, led

    def step(self, *given: Any, **named: Any) -> Outputs:
        """See `Part.step`."""
        return self._led.scores(self._part.step(*given, **named))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


def _round(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.6g}")
