"""Token by token: what was said in one utterance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import CardError
from edgemm.session import Cancellation
from edgemm.tasks.attention.lengths import Decoding, Length, find_lengths
from edgemm.tasks.attention.recipe import AttentionRecipe
from edgemm.tasks.attention.sound import given_as
from edgemm.tasks.attention.timestamps import allow
from edgemm.tasks.search.hypothesis import Hypothesis
from edgemm.tasks.search.rules import Rules
from edgemm.tasks.search.scorer import PartScorer
from edgemm.tasks.search.search import make_search
from edgemm.tasks.speech.part import Part
from edgemm.tensors import TensorSpec

Samples = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float32]
LEAST_TOKENS = 6
"""May be written of any utterance, however short."""


class Writer:
    """An encoder and a decoder: sound in, tokens out. It looks between two steps whether it was cancelled.

    Raises:
        CardError: recipe, parts and vocabulary do not fit each other.
    """

    def __init__(
        self, recipe: AttentionRecipe, encoder: Part, decoder: Part, count: int, cancelled: Cancellation
    ) -> None:
        """Args:
        recipe: names of inputs and outputs, prompt and limits.
        encoder: run once for each utterance.
        decoder: its states are its own; run once for each token.
        count: tokens in the vocabulary.
        cancelled: looked at between two steps.
        """
        self._recipe, self._encoder, self._decoder, self._cancelled = recipe, encoder, decoder, cancelled
        self._lengths = find_lengths(recipe, encoder, decoder)
        scores = self._lengths[-1].decodings[-1].scores
        size = scores.shape[-1] if scores.shape else 0
        if size not in (-1, count) and size < count:
            raise CardError(
                f"tokens: expected at most the {size} that the decoder has scores for, found {count}: the vocabulary "
                "is of another model"
            )
        self._prompt = _with_language(recipe)
        self._check_tokens(count if size == -1 else size)

    def _check_tokens(self, count: int) -> None:
        recipe = self._recipe
        for key in ("prompt", "suppressed", "suppressed_first"):
            wrong = [each for each in getattr(recipe, key) if each >= count]
            if wrong:
                raise CardError(f"{key}: expected tokens below {count}, found {wrong[0]}")
        if recipe.end >= count or recipe.timestamps >= count:
            raise CardError(
                f"end, timestamps: expected tokens below {count}, found {recipe.end} and {recipe.timestamps}"
            )

    @property
    def most_s(self) -> float:
        """Seconds of sound that the encoder takes at once; infinity where it takes any."""
        return self._lengths[-1].sound.most / self._recipe.sample_rate

    def write(self, samples: Samples) -> Hypothesis | None:
        """What is said in float32[n], of at most `most_s`; None where it was cancelled.

        Raises:
            InputError: the decoder gave NaN or infinity.
        """
        fits = (each for each in self._lengths if len(samples) <= each.sound.most)
        length = next(fits, self._lengths[-1])
        self._listen(samples, length)
        search = make_search(
            PartScorer(
                self._decoder,
                lambda token, position: self._feeds(length.at(position), token, position),
                self._recipe.logits,
                lambda position: length.at(position).signature,
            ),
            self._rules(len(samples) / self._recipe.sample_rate, length.decodings[-1].places),
            self._prompt,
            beams=self._recipe.beam if self._recipe.search == "beam" else 1,
        )
        while not self._cancelled and search.advance():
            pass
        return None if self._cancelled else search.best()[0]

    def _rules(self, seconds: float, places: float) -> Rules:
        """The last token that is written is not given to the decoder: it needs no place in the cache."""
        recipe = self._recipe
        by_length = LEAST_TOKENS + math.ceil(seconds * recipe.tokens_per_s)
        return Rules(
            end=(recipe.end,),
            most=int(min(by_length, recipe.longest_text - len(self._prompt), places - len(self._prompt) + 1)),
            suppressed=recipe.suppressed,
            most_repeats=recipe.most_repeats,
            more=self._forbid if recipe.suppressed_first or recipe.timestamps >= 0 else None,
        )

    def _forbid(self, scores: Scores, written: Sequence[int]) -> None:
        if not written:
            scores[list(self._recipe.suppressed_first)] = -np.inf
        if self._recipe.timestamps >= 0:
            allow(scores, written, self._recipe)

    def _listen(self, samples: Samples, length: Length) -> None:
        """Runs the encoder, and hands its answer to the decoder for the whole utterance."""
        recipe = self._recipe
        feeds, given = length.sound(samples)
        outputs = self._encoder.step(feeds, length.encoder)
        held = {name: outputs.real(output) for output, name in recipe.memory.items()}
        if recipe.decoder_mask:
            of_sound = feeds[recipe.encoder_input].shape[-1]
            count = of_sound if recipe.mask_counts == "samples" else next(iter(held.values())).shape[1]
            mask = np.ones((1, count), given_as(length.decodings[0].inputs[recipe.decoder_mask]))
            if recipe.mask_counts == "samples":
                mask[0, given:] = 0
            elif recipe.audio is None:
                mask[0, -(-count * given // of_sound) :] = 0
            held[recipe.decoder_mask] = mask
        self._decoder.reset()
        self._decoder.hold(held)

    def _feeds(self, decoding: Decoding, token: int, position: int) -> dict[str, npt.NDArray[Any]]:
        """The inputs of one step of the decoder."""
        recipe, specs = self._recipe, decoding.inputs
        feeds = {recipe.decoder_tokens: _filled(specs[recipe.decoder_tokens], token)}
        if recipe.decoder_cached:
            feeds[recipe.decoder_cached] = _filled(specs[recipe.decoder_cached], position > 0)
        if recipe.decoder_position:
            feeds[recipe.decoder_position] = _filled(specs[recipe.decoder_position], position)
        if recipe.cache_mask:
            mask = feeds[recipe.cache_mask] = _filled(specs[recipe.cache_mask], 0)
            mask[..., : position + 1] = 1
        return feeds


def _with_language(recipe: AttentionRecipe) -> tuple[int, ...]:
    if not recipe.language:
        return recipe.prompt
    known = set(recipe.languages.values())
    if not known & set(recipe.prompt):
        raise CardError("language: expected one of the tokens of `languages` in the prompt, found none")
    return tuple(recipe.languages[recipe.language] if each in known else each for each in recipe.prompt)


def _filled(spec: TensorSpec, value: float) -> npt.NDArray[Any]:
    return np.full([max(1, each) for each in spec.shape], value, given_as(spec))
