"""The lengths that the two files have: which signature hears an utterance, and which writes at a position.

A .tflite file has fixed sizes, and may have several signatures that share their weights: an encoder of 5 s and of 20 s
of sound, a decoder for each of these with caches of 32 and of 128 tokens. The shortest that will do is the fastest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from edgemm.errors import CardError
from edgemm.tasks.attention.recipe import AttentionRecipe
from edgemm.tasks.attention.sound import EncoderInput, named
from edgemm.tasks.speech.part import Part
from edgemm.tensors import TensorSpec

LEAST_S = 1.2
"""Of the longest sound that an encoder takes: where speech is divided, both parts have up to a second of it."""
Specs = Mapping[str, TensorSpec]
"""Name of a tensor -> its form."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """One signature of the decoder."""

    signature: str
    inputs: Specs
    scores: TensorSpec
    places: float
    """Tokens that its cache has room for; infinity where nothing says."""


@dataclass(frozen=True, slots=True, eq=False)
class Length:
    """One length of the sound."""

    encoder: str
    """Signature."""
    sound: EncoderInput
    decodings: tuple[Decoding, ...]
    """That take what this encoder gives, the shortest cache first."""

    def at(self, position: int) -> Decoding:
        """For a token at this position."""
        return next((each for each in self.decodings if position < each.places), self.decodings[-1])


def find_lengths(recipe: AttentionRecipe, encoder: Part, decoder: Part) -> tuple[Length, ...]:
    """All of two parts, the shortest first.

    Raises:
        CardError: recipe and parts do not fit each other.
    """
    decodings = [_decoding(recipe, name, decoder) for name in decoder.signatures]
    found = []
    for name in encoder.signatures:
        inputs, outputs = encoder.specs(name)
        given = {spec.name: spec for spec in outputs}
        for output in recipe.memory:
            named(given, output, "memory")
        fits = [each for each in decodings if not _misfit(recipe, given, each.inputs)]
        if fits:
            ordered = tuple(sorted(fits, key=lambda each: each.places))
            found.append(Length(name, EncoderInput(recipe, inputs), ordered))
    if not found:
        raise CardError(_misfit(recipe, given, decodings[0].inputs))
    found.sort(key=lambda each: each.sound.most)
    if found[-1].sound.most < LEAST_S * recipe.sample_rate:
        raise CardError(
            f"encoder_input: expected room for {LEAST_S:g} s of sound or more, found {found[-1].sound.most:g} samples"
        )
    return tuple(found)


def _decoding(recipe: AttentionRecipe, signature: str, decoder: Part) -> Decoding:
    takes, gives = decoder.specs(signature)
    inputs = {spec.name: spec for spec in takes}
    for name in recipe.memory.values():
        named(inputs, name, "memory")
    for key in ("decoder_tokens", "decoder_mask", "decoder_cached", "decoder_position", "cache_mask"):
        name = getattr(recipe, key)
        if name or key == "decoder_tokens":
            named(inputs, name, key)
    places = inf
    if recipe.cache_mask:
        spec = inputs[recipe.cache_mask]
        if not spec.shape or spec.shape[-1] < 1:
            raise CardError(
                f"cache_mask: expected a mask over a cache of fixed length, found {spec.name} {list(spec.shape)}. A "
                "cache that grows needs none"
            )
        places = spec.shape[-1]
    if len(recipe.prompt) > places:
        raise CardError(
            f"cache_mask: expected a cache for the {len(recipe.prompt)} tokens of the prompt, found one of {places}"
        )
    scores = named({spec.name: spec for spec in gives}, recipe.logits, "logits")
    return Decoding(signature, inputs, scores, places)


def _misfit(recipe: AttentionRecipe, given: Specs, taken: Specs) -> str:
    """What of the encoder's answer does not fit into the decoder, as a sentence; "" where all does."""
    for output, name in recipe.memory.items():
        ones, others = given[output].shape, taken[name].shape
        alike = len(ones) == len(others) and all(
            a == b or min(a, b) < 0 for a, b in zip(ones, others, strict=True)
        )
        if not alike:
            return (
                f"memory: expected an input {name!r} of the decoder of the shape {list(ones)} that the encoder gives, "
                f"found {list(others)}: they are parts of two models"
            )
    return ""
