"""Which labels are heard right now: two thresholds for each, and the shortest time that is told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgemm.results import Tag
from edgemm.tasks.tagging.recipe import TaggingRecipe

ROUNDING_S = 1e-6
"""Of times that are sums of strides."""


class Events:
    """Labels that began and have not ended, of one stream."""

    def __init__(self, recipe: TaggingRecipe, labels: Sequence[str]) -> None:
        self._recipe, self._labels = recipe, labels
        count = len(labels)
        self._recent = np.zeros((recipe.smooth_windows, count), np.float32)
        self._windows = 0
        self._on = np.zeros(count, bool)
        self._told = np.zeros(count, bool)
        self._begin_s, self._end_s, self._best = (np.zeros(count) for _ in range(3))

    @property
    def fresh(self) -> bool:
        """Nothing was heard yet."""
        return self._windows == 0

    def smoothed(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The mean over the newest windows, this one counted in."""
        self._recent[self._windows % len(self._recent)] = scores
        self._windows += 1
        return np.asarray(self._recent[: self._windows].mean(axis=0), np.float32)

    def hear(
        self, scores: npt.NDArray[np.float32], begin_s: float, end_s: float
    ) -> tuple[tuple[Tag, ...], tuple[Tag, ...]]:
        """The labels that are sure from now on, and those that are over.

        Args:
            scores: float32[labels], smoothed.
            begin_s, end_s: the time that they speak of.
        """
        least = self._recipe.threshold - self._recipe.hysteresis
        still = self._on & (scores >= least)
        rising = ~self._on & (scores >= self._recipe.threshold)
        over = self._on & ~still
        ended = self._tags(over & self._told)
        self._begin_s[rising], self._best[rising] = begin_s, 0.0
        self._on, self._told = still | rising, self._told & still
        self._end_s[self._on] = end_s
        np.maximum(self._best, scores, out=self._best, where=self._on)
        long = self._end_s - self._begin_s >= self._recipe.shortest_s - ROUNDING_S
        sure = self._on & ~self._told & long
        self._told |= sure
        return self._tags(sure), ended

    def end(self) -> tuple[Tag, ...]:
        """What is over because the sound is."""
        ended = self._tags(self._told)
        self._on[:], self._told[:] = False, False
        return ended

    def reach(self, end_s: float) -> None:
        """What is on lasts until `end_s`: the last window of a sound speaks for all that is left of it."""
        self._end_s[self._on] = end_s

    def _tags(self, which: npt.NDArray[np.bool_]) -> tuple[Tag, ...]:
        return tuple(
            Tag(self._labels[at], float(self._begin_s[at]), float(self._end_s[at]), float(self._best[at]))
            for at in np.flatnonzero(which).tolist()
        )
