"""Tokens as an encoder and a decoder take them, in arrays that are made once for a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import CardError
from edgemm.tasks.sequence.recipe import SequenceRecipe
from edgemm.tensors import TensorSpec

Feeds = dict[str, npt.NDArray[Any]]
"""Name of an input -> array."""
Specs = Mapping[str, TensorSpec]
"""Name of an input -> its form."""


class SourceFeeds:
    """A text for the encoder, and its mask for the decoder."""

    def __init__(self, recipe: SequenceRecipe, encoder: Specs, decoder: Specs) -> None:
        """Raises:
        CardError: the encoder has no input for tokens, or its inputs are of unlike lengths.
        """
        self._recipe = recipe
        self.ids = _spec(encoder, recipe.ids, "the encoder")
        """The encoder's input."""
        self._mask, self._memory_mask = encoder.get(recipe.mask), decoder.get(recipe.memory_mask)
        self.length = self.ids.shape[-1] if self.ids.shape else 0
        """Tokens that the inputs hold; -1 where the file leaves it open."""
        for spec in (self._mask, self._memory_mask):
            if spec is not None and (not spec.shape or spec.shape[-1] not in (self.length, -1)):
                raise CardError(
                    f"input {spec.name!r}: expected [1, {self.length}] as the tokens {self.ids.name!r} have, found "
                    f"{list(spec.shape)}"
                )
        if self.length < 1 and recipe.source.length < 1:
            raise CardError(
                "source.length: expected how many tokens the encoder takes, since its file leaves it open, found 0"
            )

    @property
    def most(self) -> int:
        """Tokens of a text."""
        given = self._recipe.source.length
        return given if self.length < 1 else min(self.length, given or self.length)

    def fill(self, ids: Sequence[int]) -> tuple[Feeds, Feeds]:
        """Inputs of the encoder, and what the decoder holds of them.

        Args:
            ids: at most `most`.
        """
        recipe = self._recipe.source
        length = len(ids) if self.length < 1 else self.length
        row, mask = np.full(length, recipe.pad, np.int64), np.zeros(length, np.float32)
        at = slice(0, len(ids)) if recipe.padding == "end" else slice(length - len(ids), length)
        row[at], mask[at] = ids, 1.0
        feeds = {self.ids.name: _as(self.ids, row)}
        if self._mask is not None:
            feeds[self._mask.name] = _as(self._mask, mask)
        held = {} if self._memory_mask is None else {self._memory_mask.name: _as(self._memory_mask, mask)}
        return feeds, held


class TargetFeeds:
    """A token for the decoder: `feeds(token, position)` gives the same arrays each time, written over."""

    def __init__(self, recipe: SequenceRecipe, decoder: Specs) -> None:
        """Raises:
        CardError: the decoder has no input for the token.
        """
        ids = _spec(decoder, recipe.decoder_ids, "the decoder")
        self._ids = np.zeros([1 if size < 0 else size for size in ids.shape], ids.dtype)
        if self._ids.size != 1:
            raise CardError(
                f"input {ids.name!r}: expected one token in a step, [1, 1], found {list(ids.shape)}"
            )
        self._feeds: Feeds = {ids.name: self._ids}
        self._position = self._made(decoder, recipe.position)
        self._cached = self._made(decoder, recipe.cached)
        self._mask, self.places = self._cache_mask(decoder, recipe)

    def __call__(self, token: int, position: int) -> Feeds:
        """The inputs of a step.

        Args:
            token: the one before.
            position: from 0, below `places`.
        """
        self._ids.fill(token)
        if self._position is not None:
            self._position.fill(position)
        if self._cached is not None:
            self._cached.fill(position > 0)
        if self._mask is not None:
            self._mask[..., : position + 1] = 1
            self._mask[..., position + 1 :] = 0
        return self._feeds

    def _made(self, decoder: Specs, name: str) -> npt.NDArray[Any] | None:
        spec = decoder.get(name)
        if spec is None:
            return None
        made = self._feeds[name] = np.zeros([1 if size < 0 else size for size in spec.shape], spec.dtype)
        return made

    def _cache_mask(self, decoder: Specs, recipe: SequenceRecipe) -> tuple[npt.NDArray[Any] | None, int]:
        """The mask over the cache, and the cache's length; 0 where nothing bounds it."""
        spec = decoder.get(recipe.decoder_mask)
        if spec is None:
            return None, 0
        if not spec.shape or spec.shape[-1] < 1:
            raise CardError(
                f"input {spec.name!r}: expected a mask over a cache of fixed length, found {list(spec.shape)}. A cache "
                "that grows needs none"
            )
        real = np.zeros(spec.shape, np.float32 if spec.quantized else spec.dtype)
        self._feeds[spec.name] = real
        return real, spec.shape[-1]


def _spec(specs: Specs, name: str, whose: str) -> TensorSpec:
    if name not in specs:
        raise CardError(
            f"{whose}: expected an input {name!r}, found {', '.join(specs) or 'none'}. Names stand in the recipe"
        )
    return specs[name]


def _as(spec: TensorSpec, row: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[tokens] as the input has it: [1, tokens], or [tokens]."""
    shape = (1,) * (len(spec.shape) - 1) + (len(row),)
    return spec.quantize(row).reshape(shape)
