"""Classification: the best labels of one input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import ModelCard
from edgemm.errors import CardError
from edgemm.results import Classification
from edgemm.tasks.scores import Scores
from edgemm.tasks.task import Outputs
from edgemm.tensors import TensorSpec


class ClassificationDecoder:
    """The card's `top_k` best labels; of equal scores the earlier label is first.

    Raises:
        CardError: see `Scores`; or `top_k` below 1.
    """

    def __init__(self, card: ModelCard, specs: Sequence[TensorSpec]) -> None:
        if card.top_k < 1:
            raise CardError(f"top_k: expected 1 or more, found {card.top_k}")
        self._scores, self._top_k = Scores(card, specs), card.top_k

    def __call__(self, outputs: Outputs) -> Classification:
        """The best labels of one inference."""
        return self._rank(self._scores(outputs))

    def whole(self, windows: Sequence[Outputs], seconds: float) -> Classification:
        """The best labels of a recording, by the mean score over its windows."""
        scores = np.stack([self._scores(each) for each in windows])
        return self._rank(scores.mean(axis=0, dtype=np.float32))

    def _rank(self, scores: npt.NDArray[Any]) -> Classification:
        ids = _best(scores, self._top_k)
        return Classification(tuple(self._scores.labels[i] for i in ids), scores[ids], ids)


def _best(scores: npt.NDArray[Any], count: int) -> npt.NDArray[np.int64]:
    """Places of the highest scores, best first; of equal ones the earlier is first. Sorts no more than it must."""
    if count < len(scores):
        least = np.partition(scores, -count)[-count]
        candidates = np.flatnonzero(scores >= least)
    else:
        candidates = np.arange(len(scores))
    order = np.argsort(-scores[candidates], kind="stable")[:count]
    return candidates[order].astype(np.int64)
