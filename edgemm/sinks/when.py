"""Which results are recorded: by label, by score, when they change, or at most every so many seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgemm.choices import hint
from edgemm.errors import InputError

_SHOWN = 10
"""Labels in a message."""


@dataclass(frozen=True, slots=True)
class When:
    """What a result must be to be recorded; all that is given must hold."""

    label: str | tuple[str, ...] = ()
    """One of these: the best class, the word, any box's class, any label listed for a window of sound, or speech.
    Empty: any. A list, or one name."""
    min_score: float | None = None
    """0..1: of the best class, of the word, or of a box with one of the labels. None: any."""
    changed: bool = False
    """Only when the answer is another than the one before of this stream: another best class, a word after
    silence or silence after a word, other classes of boxes; for other tasks, another result."""
    every_s: float | None = None
    """Seconds between two lines of one stream, at least; None: no limit."""

    def __post_init__(self) -> None:
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise InputError(f"when.min_score: expected 0 to 1, found {self.min_score!r}")
        if self.every_s is not None and not self.every_s > 0:
            raise InputError(f"when.every_s: expected more than 0, found {self.every_s!r}")

    @property
    def labels(self) -> tuple[str, ...]:
        """`label`, as several."""
        return (self.label,) if isinstance(self.label, str) else self.label

    def require_labels(self, known: Sequence[str], where: str) -> None:
        """Refuses labels that no model gives: nothing would ever be recorded.

        Args:
            known: labels of the models' cards; empty where they name none.

        Raises:
            InputError: one of `label` is not among them; names one that is like it.
        """
        for label in self.labels:
            if known and label not in known:
                shown = ", ".join(known[:_SHOWN]) + (" ..." if len(known) > _SHOWN else "")
                raise InputError(
                    f"{where}.label: {label!r} is no label of the model: {shown}{hint(label, known)}"
                )


class Filter:
    """Decides for one stream, result by result."""

    def __init__(self, when: When, now_s: Callable[[], float] = time.monotonic) -> None:
        self._when = when
        self._now_s = now_s
        self._last_s = -float("inf")
        self._answer: object = _NOTHING

    def passes(self, result: Mapping[str, Any]) -> bool:
        """True when this result, as JSON, is to be recorded.

        What changed is judged by the result before, recorded or not, where its label and score are good enough: so
        a limit of time does not hide that something came back.
        """
        when = self._when
        found = [
            (label, score)
            for label, score in _answers(result)
            if (not when.labels or label in when.labels)
            and (when.min_score is None or _at_least(score, when.min_score))
        ]
        wanted = bool(found) or not (when.label or when.min_score is not None)
        if when.changed and not self._changed(result, found, wanted=wanted):
            return False
        if not wanted:
            return False
        now_s = self._now_s()
        if when.every_s is not None and now_s - self._last_s < when.every_s:
            return False
        self._last_s = now_s
        return True

    def _changed(self, result: Mapping[str, Any], found: list[tuple[str, Any]], *, wanted: bool) -> bool:
        answer: object = frozenset(label for label, _ in found) if wanted else _NOTHING
        if wanted and not any(label for label, _ in found):
            answer = repr([result[key] for key in sorted(result) if key not in _MOVING])
        before, self._answer = self._answer, answer
        return answer != before


_NOTHING = object()
"""The answer before the first, and of what is not wanted."""
_MOVING = frozenset({"score", "scores", "start_s", "end_s"})
"""What differs in two results that say the same."""


def _answers(result: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(label, score) of what a result says: the best class, each box, the word, or ("", None) for what has none."""
    if "things" in result:
        yield from (each for thing in result["things"] for each in _of_thing(thing))
        return
    if "detected" in result:
        yield (str(result.get("label", "")), result.get("score")) if result["detected"] else ("", None)
        return
    if "segments" in result:
        yield "speech" if result["segments"] else "", _best_score(result["segments"])
        return
    if "label" in result:
        yield str(result["label"]), result.get("score")
        return
    labels, scores = result.get("labels"), result.get("scores")
    if not isinstance(labels, list) or not isinstance(scores, list):
        yield "", None
    elif "boxes_xyxy" in result or "begun" in result:
        yield from zip(map(str, labels), scores, strict=False)
    else:
        yield from zip(map(str, labels[:1]), scores[:1], strict=False)


def _of_thing(thing: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Its own label, and what the stages behind say of it."""
    if thing["label"]:
        yield str(thing["label"]), thing["score"]
    for said in thing["results"].values():
        yield from (answer for answer in _answers(said) if answer[0])
    for part in thing["things"]:
        yield from _of_thing(part)


def _best_score(parts: Sequence[Mapping[str, Any]]) -> float | None:
    return max((each["score"] for each in parts), default=None)


def _at_least(score: object, least: float) -> bool:
    return isinstance(score, int | float) and score >= least
