"""Tagging: what is heard in each window of sound, and which labels began and ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import ModelCard
from edgemm.choices import hint
from edgemm.errors import CardError
from edgemm.results import Tag, Tags
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.scores import Scores, best
from edgemm.tasks.tagging.events import Events
from edgemm.tasks.tagging.recipe import TaggingRecipe
from edgemm.tasks.timing import Timing
from edgemm.tensors import TensorSpec


class TaggingTask:
    """See `edgemm.tasks.decoder.Task`."""

    name: ClassVar[str] = "tagging"
    version: ClassVar[int] = 1
    Recipe: ClassVar[type[Any]] = TaggingRecipe

    def open(self, card: ModelCard, recipe: TaggingRecipe, outputs: Sequence[TensorSpec]) -> Decoder:
        """See `TaggingDecoder`."""
        return TaggingDecoder(card, recipe, outputs)


class TaggingDecoder:
    """Labels of windows that follow each other or overlap.

    A window speaks for the `stride` of sound in its middle, the first one for all that is before it too, and the last
    one for all that is behind it.

    Raises:
        CardError: see `Scores`; no input is made from sound; or `classes` names a label that the model has not.
    """

    def __init__(self, card: ModelCard, recipe: TaggingRecipe, outputs: Sequence[TensorSpec]) -> None:
        self._scores, self._recipe = Scores(card, outputs), recipe
        self._timing = Timing.of(card)
        self._kept = _kept(self._scores.labels, recipe.classes)
        self._labels = tuple(self._scores.labels[at] for at in self._kept)
        self.to_the_end = True
        """See `edgemm.tasks.decoder.HearsEveryWindow`."""

    def begin(self) -> Events:
        """Nothing was heard."""
        return Events(self._recipe, self._labels)

    def decode(self, outputs: Outputs, context: Context, state: Events) -> tuple[Tags]:
        """The best labels of the next window, and what began and ended with it."""
        found, _ = self._hear(self._scores(outputs), context, state)
        return (found,)

    def end(self, context: Context, state: Events) -> tuple[Tags, ...]:
        """What had not ended ends with the sound."""
        state.reach(context.end_s)
        ended = state.end()
        if not ended:
            return ()
        return (Tags((), np.zeros(0, np.float32), context.begin_s, context.end_s, ended=ended),)

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Tags:
        """The best labels of a recording by their mean score, and all that was heard in it with its times."""
        state, told, rows = self.begin(), list[Tag](), []
        end_s = context.end_s or self._timing.of_window(len(windows) - 1).end_s
        for number, outputs in enumerate(windows):
            place = self._timing.of_window(number, end_s)
            found, scores = self._hear(self._scores(outputs), place, state)
            told += found.ended
            rows.append(scores)
        state.reach(end_s)
        told += state.end()
        labels, scores = self._best(np.mean(rows, axis=0, dtype=np.float32))
        told.sort(key=lambda each: (each.begin_s, each.end_s))
        return Tags(labels, scores, 0.0, end_s, ended=tuple(told))

    def _hear(
        self, every: npt.NDArray[np.float32], context: Context, state: Events
    ) -> tuple[Tags, npt.NDArray[np.float32]]:
        """The window's result, and its own scores of the labels that are kept."""
        own = every[self._kept]
        begin_s, end_s = self._timing.middle(context)
        if state.fresh:
            begin_s = context.begin_s
        scores = state.smoothed(own)
        begun, ended = state.hear(scores, begin_s, end_s)
        return Tags(*self._best(scores), context.begin_s, context.end_s, begun, ended), own

    def _best(self, scores: npt.NDArray[np.float32]) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
        places = best(scores, self._recipe.top_k)
        return tuple(self._labels[at] for at in places), scores[places]


def _kept(labels: Sequence[str], classes: Sequence[str]) -> npt.NDArray[np.intp]:
    """Places of the labels that are told."""
    for each in classes:
        if each not in labels:
            raise CardError(f"classes: {each!r} is none of the model's labels{hint(each, labels)}")
    wanted = set(classes) or set(labels)
    return np.array([at for at, label in enumerate(labels) if label in wanted], np.intp)
