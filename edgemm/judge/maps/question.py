"""What is asked of a model again and again: the score of one answer, while parts of the input are hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgemm.choices import hint
from edgemm.errors import InputError
from edgemm.judge.matching import overlaps
from edgemm.media import Captured
from edgemm.model.model import Model
from edgemm.results import Detections, Result, Segmentation, Tensors
from edgemm.tasks.context import Context
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.scores import Scores

Target = str | int | None
_LEAST = 0.02
"""A box whose score falls under this is lost."""


class Question(Protocol):
    """The score of one answer.

    Exists so that methods need to know nothing of labels, boxes and masks.
    """

    label: str
    """The answer that is asked about."""
    score: float
    """0..1: of the whole input."""

    def ask(self, item: Captured) -> float:
        """0..1: the score of the same answer for an input of which parts are hidden."""

    def close(self) -> None:
        """Frees the session."""


def question(model: Model, item: Captured, target: Target = None) -> Question:
    """Asks what a model answers for an input; close it when done.

    Args:
        target: None: its best answer. A label; or a number: of a class, or of a detector's boxes, best first.

    Raises:
        InputError: a task that has no one score; the model found nothing; or no such target.
    """
    made = _QUESTIONS.get(model.card.task)
    if not isinstance(model, Model) or made is None:
        raise InputError(
            f"a map needs a model with a score for one answer: expected one of the tasks {', '.join(_QUESTIONS)}; "
            f"found {model.card.task!r}"
        )
    return made(model, item, target)


class _Every:
    """A decoder that tells the score of every class; see `edgemm.tasks.decoder.Decoder`."""

    def __init__(self, scores: Scores, over: Callable[..., Any]) -> None:
        """Args:
        over: how the scores of several windows become one.
        """
        self._scores, self._over = scores, over

    def begin(self) -> None:
        """Nothing is remembered."""

    def decode(self, outputs: Outputs, context: Context, state: None) -> tuple[Tensors]:
        """Of one run."""
        return (self.whole((outputs,), context, 0.0),)

    def end(self, context: Context, state: None) -> tuple[()]:
        """Nothing is left to be said."""
        return ()

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Tensors:
        """Of all windows."""
        return Tensors({"scores": self._over(np.stack([self._scores(each) for each in windows]), axis=0)})


class _OfClass:
    """The score of a class."""

    def __init__(self, model: Model, item: Captured, target: Target, over: Callable[..., Any]) -> None:
        scores = Scores(model.card, model.outputs)
        self._session: Any = model.read_by(_Every(scores, over))
        try:
            self._at = _class_number(scores.labels, _best(model, item) if target is None else target)
            self.label = scores.labels[self._at]
            self.score = self.ask(item)
        except BaseException:
            self.close()
            raise

    def ask(self, item: Captured) -> float:
        """0..1."""
        found: npt.NDArray[np.float32] = self._session.whole(item).values["scores"]
        return float(found[self._at])

    def close(self) -> None:
        """Frees the session."""
        self._session.close()


def _best(model: Model, item: Captured) -> str:
    result: Any = model(item)
    return str(result.label)


def _class_number(labels: Sequence[str], target: str | int) -> int:
    if isinstance(target, str) and target in labels:
        return labels.index(target)
    if isinstance(target, int) and not isinstance(target, bool) and 0 <= target < len(labels):
        return target
    raise InputError(
        f"target: expected one of the {len(labels)} labels, such as {labels[0]!r}, or a number from 0 to "
        f"{len(labels) - 1}; found {target!r}{hint(target, labels)}"
    )


class _OfBox:
    """How well one thing is still found: of the boxes of its class, the highest product of score and overlap with it
    (D-RISE)."""

    def __init__(self, model: Model, item: Captured, target: Target) -> None:
        wanted = _box(_detections(model(item)), target)
        self._box, self._class, self.label = wanted
        recipe: Any = model.card.recipe
        self._session: Any = model.session(threshold=min(_LEAST, recipe.threshold))
        try:
            self.score = self.ask(item)
        except BaseException:
            self.close()
            raise

    def ask(self, item: Captured) -> float:
        """0..1."""
        found = _detections(self._session.whole(item))
        same = found.class_ids == self._class
        if not same.any():
            return 0.0
        shared = overlaps(found.boxes_xyxy[same].astype(np.float64), self._box)[:, 0]
        return float((shared * found.scores[same]).max())

    def close(self) -> None:
        """Frees the session."""
        self._session.close()


def _detections(result: Result) -> Detections:
    assert isinstance(result, Detections)
    return result


def _box(found: Detections, target: Target) -> tuple[npt.NDArray[np.float64], int, str]:
    """Of one thing: float64[1, 4], its class, its label."""
    labels = found.labels or tuple(map(str, found.class_ids.tolist()))
    if not len(found.scores):
        raise InputError(
            "a map of a detection: the model found nothing here. Give a lower threshold to `load`"
        )
    if target is None:
        at = 0
    elif isinstance(target, str) and target in labels:
        at = labels.index(target)
    elif isinstance(target, int) and not isinstance(target, bool) and 0 <= target < len(labels):
        at = target
    else:
        raise InputError(
            f"target: expected the number of a box, 0 to {len(labels) - 1}, best first, or a label that was found "
            f"({', '.join(dict.fromkeys(labels))}); found {target!r}"
        )
    return found.boxes_xyxy[at : at + 1].astype(np.float64), int(found.class_ids[at]), labels[at]


class _OfRegion:
    """How much of a region keeps its class."""

    def __init__(self, model: Model, item: Captured, target: Target) -> None:
        session: Any = model.session()
        self._session = session
        try:
            found: Segmentation = self._session.whole(item)
            self._class = _region(found, target)
            named = self._class < len(found.labels)
            self.label = found.labels[self._class] if named else str(self._class)
            self._region = found.classes == self._class
        except BaseException:
            self.close()
            raise
        self.score = 1.0

    def ask(self, item: Captured) -> float:
        """0..1."""
        classes = self._session.whole(item).classes
        return float(np.mean(classes[self._region] == self._class))

    def close(self) -> None:
        """Frees the session."""
        self._session.close()


def _region(found: Segmentation, target: Target) -> int:
    """The class of the region; without a target the largest that is no background."""
    sizes = np.bincount(found.classes.reshape(-1))
    if target is None:
        things = [
            at for at in np.argsort(-sizes, kind="stable").tolist() if sizes[at] and _is_thing(at, found)
        ]
        if not things:
            raise InputError("a map of a segmentation: the model found background alone in this picture")
        return int(things[0])
    labels = found.labels or tuple(map(str, range(len(sizes))))
    at = _class_number(labels, target)
    if at >= len(sizes) or not sizes[at]:
        raise InputError(f"target: expected a class that was found in this picture, found {target!r}")
    return at


def _is_thing(class_id: int, found: Segmentation) -> bool:
    label = found.labels[class_id] if class_id < len(found.labels) else str(class_id)
    return label.strip("_").lower() not in ("background", "", "0")


_QUESTIONS: Mapping[str, Callable[[Model, Captured, Target], Question]] = {
    "classification": lambda model, item, target: _OfClass(model, item, target, np.mean),
    "keyword": lambda model, item, target: _OfClass(model, item, target, np.max),
    "tagging": lambda model, item, target: _OfClass(model, item, target, np.mean),
    "detection": _OfBox,
    "segmentation": _OfRegion,
}
"""Task of a card -> its question."""
