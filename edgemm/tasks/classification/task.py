"""Classification: the best labels of one input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import ModelCard
from edgemm.errors import CardError
from edgemm.results import Classification
from edgemm.tasks.classification.recipe import ClassificationRecipe
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.scores import Scores, best
from edgemm.tensors import TensorSpec


class ClassificationTask:
    """See `edgemm.tasks.decoder.Task`."""

    name: ClassVar[str] = "classification"
    version: ClassVar[int] = 1
    Recipe: ClassVar[type[Any]] = ClassificationRecipe

    def open(self, card: ModelCard, recipe: ClassificationRecipe, outputs: Sequence[TensorSpec]) -> Decoder:
        """See `ClassificationDecoder`."""
        return ClassificationDecoder(card, recipe, outputs)


class ClassificationDecoder:
    """The recipe's `top_k` best labels; of equal scores the earlier label is first.

    Raises:
        CardError: see `Scores`; or `top_k` below 1.
    """

    def __init__(self, card: ModelCard, recipe: ClassificationRecipe, outputs: Sequence[TensorSpec]) -> None:
        if recipe.top_k < 1:
            raise CardError(f"top_k: expected 1 or more, found {recipe.top_k}")
        self._scores, self._top_k = Scores(card, outputs), recipe.top_k

    def begin(self) -> None:
        """Nothing is remembered."""

    def decode(self, outputs: Outputs, context: Context, state: None) -> tuple[Classification]:
        """The best labels of one inference."""
        return (self._rank(self._scores(outputs)),)

    def end(self, context: Context, state: None) -> tuple[()]:
        """Nothing is left to be said."""
        return ()

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Classification:
        """The best labels of a recording, by the mean score over its windows."""
        if len(windows) == 1:
            return self._rank(self._scores(windows[0]))
        scores = np.stack([self._scores(each) for each in windows])
        return self._rank(scores.mean(axis=0, dtype=np.float32))

    def _rank(self, scores: npt.NDArray[Any]) -> Classification:
        ids = best(scores, self._top_k)
        return Classification(tuple(self._scores.labels[i] for i in ids), scores[ids], ids)
