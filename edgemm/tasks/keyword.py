"""Keyword spotting: from scores of overlapping windows to words, each found once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import KeywordRecipe, ModelCard
from edgemm.errors import CardError
from edgemm.results import Keyword
from edgemm.tasks.scores import Scores
from edgemm.tasks.task import Outputs
from edgemm.tensors import TensorSpec


class KeywordDecoder:
    """The best label of one window, and whether it is above the card's threshold.

    Raises:
        CardError: see `Scores`; or `keyword` in the card names unknown labels, or is out of range.
    """

    def __init__(self, card: ModelCard, specs: Sequence[TensorSpec]) -> None:
        self.scores = Scores(card, specs)
        self.recipe = card.keyword or KeywordRecipe()
        background = set(self.recipe.background)
        unknown = background - set(self.scores.labels)
        if unknown:
            raise CardError(f"keyword.background: {', '.join(sorted(unknown))} is none of the card's labels")
        if self.recipe.smooth_windows < 1:
            raise CardError(f"keyword.smooth_windows: expected 1 or more, found {self.recipe.smooth_windows}")
        self._is_word = np.array([each not in background for each in self.scores.labels])

    def __call__(self, outputs: Outputs) -> Keyword:
        """The best label of one window, whose time is not known."""
        return self.judge(self.scores(outputs), 0.0, 0.0)

    def whole(self, windows: Sequence[Outputs], seconds: float) -> Keyword:
        """The best label of the window in which a word scores highest; its time is the whole recording."""
        scores = [self.scores(each) for each in windows]
        best = max(scores, key=lambda each: float(np.max(each, initial=0.0, where=self._is_word)))
        return self.judge(best, 0.0, seconds)

    def judge(self, scores: npt.NDArray[Any], start_s: float, end_s: float) -> Keyword:
        """The best label of `scores`; background is never detected."""
        best = int(scores.argmax())
        score = float(scores[best])
        detected = bool(self._is_word[best]) and score >= self.recipe.threshold
        return Keyword(self.scores.labels[best], score, start_s, end_s, detected)


class KeywordSpotter:
    """The private state of one stream: the running mean of the scores, and when each word was last found."""

    def __init__(self, decoder: KeywordDecoder) -> None:
        self._decoder = decoder
        self._recent = np.zeros((decoder.recipe.smooth_windows, decoder.scores.count), np.float32)
        self.reset()

    def __call__(self, outputs: Outputs, start_s: float, end_s: float) -> Keyword:
        """The next window, which lies at `start_s` to `end_s` of the stream."""
        self._recent[self._windows % len(self._recent)] = self._decoder.scores(outputs)
        self._windows += 1
        smooth = self._recent[: self._windows].mean(axis=0)
        found = self._decoder.judge(smooth, start_s, end_s)
        if not found.detected:
            return found
        if self._windows <= self._decoder.recipe.warmup_windows:
            return replace(found, detected=False)
        if end_s - self._found_s.get(found.label, -np.inf) < self._decoder.recipe.refractory_s:
            return replace(found, detected=False)
        self._found_s[found.label] = end_s
        return found

    def clearest(self, windows: Sequence[Outputs], stride_s: float, seconds: float) -> Keyword:
        """The word of a recording: the first that is detected as on a stream, else what comes nearest to one.

        Args:
            windows: the outputs of all windows, in order.
            stride_s: between two windows.
            seconds: of the recording, which is the time of the answer.
        """
        found = [self(each, at * stride_s, (at + 1) * stride_s) for at, each in enumerate(windows)]
        best = max(found, key=lambda each: (each.detected, each.score))
        return replace(best, start_s=0.0, end_s=seconds)

    def reset(self) -> None:
        """Forgets everything heard."""
        self._windows = 0
        self._found_s: dict[str, float] = {}
