"""Keyword spotting: from scores of overlapping windows to words, each found once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import ModelCard
from edgemm.errors import CardError
from edgemm.results import Keyword
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder
from edgemm.tasks.keyword.recipe import KeywordRecipe
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.scores import Scores
from edgemm.tensors import TensorSpec


class KeywordTask:
    """See `edgemm.tasks.decoder.Task`."""

    name: ClassVar[str] = "keyword"
    version: ClassVar[int] = 1
    Recipe: ClassVar[type[Any]] = KeywordRecipe

    def open(self, card: ModelCard, recipe: KeywordRecipe, outputs: Sequence[TensorSpec]) -> Decoder:
        """See `KeywordDecoder`."""
        return KeywordDecoder(card, recipe, outputs)


class Heard:
    """What one stream remembers: the scores of the newest windows, and when each word was last found."""

    def __init__(self, windows: int, labels: int) -> None:
        self.recent = np.zeros((windows, labels), np.float32)
        self.count = 0
        self.found_s: dict[str, float] = {}

    def mean(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Of the newest windows, this one counted in."""
        self.recent[self.count % len(self.recent)] = scores
        self.count += 1
        mean: npt.NDArray[Any] = self.recent[: self.count].mean(axis=0)
        return mean


class KeywordDecoder:
    """The word that scores highest in the newest windows, and whether it is found.

    Raises:
        CardError: see `Scores`; or the recipe names unknown labels, or is out of range.
    """

    def __init__(self, card: ModelCard, recipe: KeywordRecipe, outputs: Sequence[TensorSpec]) -> None:
        self.scores = Scores(card, outputs)
        self.recipe = recipe
        background = set(recipe.background)
        unknown = background - set(self.scores.labels)
        if unknown:
            raise CardError(f"keyword.background: {', '.join(sorted(unknown))} is none of the card's labels")
        if recipe.smooth_windows < 1:
            raise CardError(f"keyword.smooth_windows: expected 1 or more, found {recipe.smooth_windows}")
        self._is_word = np.array([each not in background for each in self.scores.labels])

    def begin(self) -> Heard:
        """Nothing was heard."""
        return Heard(self.recipe.smooth_windows, self.scores.count)

    def decode(self, outputs: Outputs, context: Context, state: Heard) -> tuple[Keyword]:
        """The next window, which lies at `context.begin_s` to `context.end_s` of the stream."""
        return (self.hear(self.scores(outputs), context.begin_s, context.end_s, state),)

    def hear(self, scores: npt.NDArray[Any], begin_s: float, end_s: float, state: Heard) -> Keyword:
        """As `decode`, from the scores of the window."""
        found = self.judge(state.mean(scores), begin_s, end_s)
        if not found.detected:
            return found
        if state.count <= self.recipe.warmup_windows:
            return replace(found, detected=False)
        if end_s - state.found_s.get(found.label, -np.inf) < self.recipe.refractory_s:
            return replace(found, detected=False)
        state.found_s[found.label] = end_s
        return found

    def end(self, context: Context, state: Heard) -> tuple[()]:
        """Nothing is left to be said: each window was answered."""
        return ()

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Keyword:
        """The word of a recording, whose time is the whole of it.

        Where windows follow each other (`stride_s` above 0, a model that keeps a state): the first word that is
        detected as on a stream, else what comes nearest to one. Else the best label of the window in which a word
        scores highest.
        """
        scores = [self.scores(each) for each in windows]
        if stride_s > 0:
            state = self.begin()
            heard = [
                self.hear(each, at * stride_s, (at + 1) * stride_s, state) for at, each in enumerate(scores)
            ]
            best = max(heard, key=lambda each: (each.detected, each.score))
            return replace(best, start_s=0.0, end_s=context.end_s)
        loudest = max(scores, key=lambda each: float(np.max(each, initial=0.0, where=self._is_word)))
        return self.judge(loudest, 0.0, context.end_s)

    def judge(self, scores: npt.NDArray[Any], start_s: float, end_s: float) -> Keyword:
        """The best label of `scores`; background is never detected."""
        best = int(scores.argmax())
        score = float(scores[best])
        detected = bool(self._is_word[best]) and score >= self.recipe.threshold
        return Keyword(self.scores.labels[best], score, start_s, end_s, detected)
