"""Embedding: a vector that stands for the input, such as a sentence or a voice."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import ModelCard
from edgemm.errors import ArtifactError, CardError, InputError
from edgemm.results import Embedding
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder
from edgemm.tasks.embedding.recipe import EmbeddingRecipe
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

Recent = deque[npt.NDArray[np.float32]]
"""Vectors of the newest windows of a stream."""


class EmbeddingTask:
    """See `edgemm.tasks.decoder.Task`."""

    name: ClassVar[str] = "embedding"
    version: ClassVar[int] = 1
    Recipe: ClassVar[type[Any]] = EmbeddingRecipe

    def open(self, card: ModelCard, recipe: EmbeddingRecipe, outputs: Sequence[TensorSpec]) -> Decoder:
        """See `EmbeddingDecoder`."""
        return EmbeddingDecoder(card, recipe, outputs)


class EmbeddingDecoder:
    """One vector for each run.

    Raises:
        CardError: there is no such output, or it has not the form that the recipe's pooling needs.
    """

    def __init__(self, card: ModelCard, recipe: EmbeddingRecipe, outputs: Sequence[TensorSpec]) -> None:
        names = [spec.name for spec in outputs]
        if recipe.output and recipe.output not in names:
            raise CardError(f"output: expected one of {', '.join(names)}, found {recipe.output!r}")
        spec = outputs[names.index(recipe.output)] if recipe.output else outputs[0]
        _require_form(spec, recipe.pooling)
        self._name, self._recipe = spec.name, recipe
        self.to_the_end = False
        """See `edgemm.tasks.decoder.HearsEveryWindow`: whole windows alone stand for a voice."""

    def begin(self) -> Recent:
        """Nothing was heard."""
        return deque(maxlen=self._recipe.smooth_windows)

    def decode(self, outputs: Outputs, context: Context, state: Recent) -> tuple[Embedding]:
        """The vector of one run; of sound the mean over the newest windows."""
        state.append(self._pooled(outputs, context))
        return (self._mean(state),)

    def end(self, context: Context, state: Recent) -> tuple[()]:
        """Nothing is left to be said."""
        return ()

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Embedding:
        """The vector of one text or picture; of a recording the mean over its windows."""
        return self._mean([self._pooled(each, context) for each in windows])

    def _mean(self, vectors: Collection[npt.NDArray[np.float32]]) -> Embedding:
        """Of windows that count alike: vectors of length 1, where they are normalised."""
        found = [self._normal(each) for each in vectors]
        if len(found) == 1:
            return Embedding(found[0])
        return Embedding(self._normal(np.mean(found, axis=0, dtype=np.float32)))

    def _pooled(self, outputs: Outputs, context: Context) -> npt.NDArray[np.float32]:
        """float32[numbers], a new array.

        Raises:
            ArtifactError: the model gave NaN or infinity.
            InputError: the mean is asked for, and it is not known which tokens there are.
        """
        found = outputs.real(self._name)
        if not np.isfinite(found).all():
            raise ArtifactError(
                f"output {self._name!r}: expected finite numbers, found NaN or infinity. Try another delegate "
                '(delegate="cpu"); if that is the same, convert or train the model again'
            )
        if self._recipe.pooling == "none":
            return np.array(found.reshape(-1), np.float32)
        rows = found.reshape(found.shape[-2:])
        if self._recipe.layout == "columns":
            rows = rows.T
        if self._recipe.pooling == "first":
            return np.array(rows[_first(context.mask, len(rows))], np.float32)
        return _mean(rows, context.mask, self._name)

    def _normal(self, vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Of length 1, where the recipe asks for that."""
        if not self._recipe.normalize:
            return vector
        length = float(np.linalg.norm(vector.astype(np.float64)))
        return (vector / length).astype(np.float32) if length > 0 else vector


def _require_form(spec: TensorSpec, pooling: str) -> None:
    of_tokens = len(spec.shape) == 2 or (len(spec.shape) == 3 and spec.shape[0] == 1)
    one = sum(size != 1 for size in spec.shape) <= 1
    if of_tokens if pooling != "none" else one:
        return
    wanted = (
        'one vector, [1, numbers], for "pooling": "none"'
        if pooling == "none"
        else f'a vector for each token, [1, tokens, numbers], for "pooling": "{pooling}"'
    )
    raise CardError(f"output {spec.name!r}: expected {wanted}, found {list(spec.shape)}")


def _first(mask: npt.NDArray[np.float32] | None, count: int) -> int:
    """Place of the first token, where texts are filled up in front of it; 0 where that is not known."""
    return 0 if mask is None or len(mask) != count else int(np.argmax(mask > 0))


def _mean(rows: npt.NDArray[Any], mask: npt.NDArray[np.float32] | None, name: str) -> npt.NDArray[np.float32]:
    """Over the rows where a token stands."""
    if mask is None:
        raise InputError(
            f"output {name!r}: the mean of its tokens needs to know which there are. Give a text; or, with tensors, an "
            'input that the card gives the role mask; or say "pooling": "first"'
        )
    if mask.shape != rows.shape[:1]:
        raise ArtifactError(
            f"output {name!r}: expected a vector for each of {mask.shape[0]} tokens, found {rows.shape[0]}"
        )
    count = float(mask.sum())
    if count <= 0:
        raise InputError(f"output {name!r}: expected a mask with at least one token, found none")
    return np.asarray(mask @ rows / count, np.float32)
