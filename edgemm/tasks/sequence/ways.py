"""The lengths that two files have: which signature reads a text, and which writes at a position.

A .tflite file has fixed sizes, and may have several signatures that share their weights: an encoder for texts of up to
16 and of up to 64 tokens, a decoder for each of these with caches of 32 and of 128. The shortest that will do is the
fastest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgemm.errors import CardError
from edgemm.tasks.search import Rules
from edgemm.tasks.sequence.feeds import Feeds, SourceFeeds, Specs, TargetFeeds
from edgemm.tasks.sequence.recipe import SequenceRecipe
from edgemm.tensors import TensorSpec


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """One length of the source."""

    encoder: str
    """Signature."""
    source: SourceFeeds
    memory: Mapping[str, str]
    """Encoder's output -> decoder's input."""
    decoders: tuple[tuple[str, TargetFeeds], ...]
    """Signatures, the shortest cache first."""
    rules: Rules
    """What may be written, as much as the longest cache has room for."""
    scores: TensorSpec
    """The decoder's output."""

    def signature(self, position: int) -> str:
        """Of the decoder, for a token at this position."""
        return self._at(position)[0]

    def feeds(self, token: int, position: int) -> Feeds:
        """The inputs of that signature."""
        return self._at(position)[1](token, position)

    def _at(self, position: int) -> tuple[str, TargetFeeds]:
        fits = (each for each in self.decoders if position < each[1].places)
        return next(fits, self.decoders[-1])


def find_ways(recipe: SequenceRecipe, encoder: Any, decoder: Any) -> list[Way]:
    """All of two parts, the shortest first.

    Raises:
        CardError: recipe and parts do not fit each other.
    """
    ways, last = [], None
    for name, (reads, gives) in _signatures(encoder).items():
        try:
            ways.append(_way(recipe, name, reads, gives, decoder))
        except CardError as error:  # a signature that has no partner
            last = error
    if not ways:
        assert last is not None
        raise last
    return sorted(ways, key=lambda way: way.source.most)


def _signatures(part: Any) -> dict[str, tuple[Specs, Specs]]:
    """Name -> inputs and outputs; "" where there is one."""
    if len(part.signatures) < 2:
        return {"": (_by_name(part.inputs), _by_name(part.outputs))}
    both = {name: part.specs(name) for name in part.signatures}
    return {name: (_by_name(inputs), _by_name(outputs)) for name, (inputs, outputs) in both.items()}


def _by_name(specs: tuple[TensorSpec, ...]) -> dict[str, TensorSpec]:
    return {spec.name: spec for spec in specs}


def _way(recipe: SequenceRecipe, name: str, reads: Specs, gives: Specs, decoder: Any) -> Way:
    """Raises:
    CardError: no signature of the decoder takes what this one gives.
    """
    decoders, last = [], None
    for other, (takes, outputs) in _signatures(decoder).items():
        try:
            source, target = SourceFeeds(recipe, reads, takes), TargetFeeds(recipe, takes)
            decoders.append((other, source, target, _memory(recipe, gives, takes), _scores(recipe, outputs)))
        except CardError as error:
            last = error
    if not decoders:
        assert last is not None
        raise last
    decoders.sort(key=lambda each: each[2].places)
    _, source, longest, memory, scores = decoders[-1]
    targets = tuple((signature, target) for signature, _, target, *_ in decoders)
    return Way(name, source, memory, targets, _rules(recipe, longest.places), scores)


def _rules(recipe: SequenceRecipe, places: int) -> Rules:
    """The last token that is written is not given to the decoder: it needs no place in the cache."""
    room = recipe.most_tokens if places == 0 else places - len(recipe.begin) + 1
    if room < max(1, recipe.least_tokens, len(recipe.forced)):
        raise CardError(
            f"the decoder's cache of {places}: expected room for begin, forced and least_tokens, found none for "
            f"{len(recipe.begin)}, {len(recipe.forced)} and {recipe.least_tokens}"
        )
    return Rules(
        recipe.end, min(recipe.most_tokens, room), recipe.least_tokens, recipe.forced, recipe.suppressed,
        recipe.no_repeat, recipe.most_repeats,
    )  # fmt: skip


def _scores(recipe: SequenceRecipe, gives: Specs) -> TensorSpec:
    if recipe.scores not in gives:
        raise CardError(
            f"the decoder: expected an output {recipe.scores!r}, found {', '.join(gives)}. Names stand in the recipe"
        )
    return gives[recipe.scores]


def _memory(recipe: SequenceRecipe, gives: Specs, takes: Specs) -> dict[str, str]:
    """Encoder's output -> decoder's input."""
    found = _pairs(recipe, gives, takes)
    for name, into in found.items():
        given, taken = gives[name].shape, takes[into].shape
        if len(given) != len(taken) or any(
            min(a, b) >= 0 and a != b for a, b in zip(given, taken, strict=True)
        ):
            raise CardError(
                f"the decoder: expected an input {into!r} of the shape {list(given)} that the encoder gives, found "
                f"{list(taken)}: they are parts of two models"
            )
    return found


def _pairs(recipe: SequenceRecipe, gives: Specs, takes: Specs) -> dict[str, str]:
    if not recipe.memory:
        found = {name: name for name in gives if name in takes}
        if not found:
            raise CardError(
                f"sequence.memory: expected which outputs of the encoder ({', '.join(gives)}) go into which inputs of "
                f"the decoder ({', '.join(takes)}), since no names are alike; found none"
            )
        return found
    for name, into in recipe.memory.items():
        if name not in gives or into not in takes:
            raise CardError(
                f"sequence.memory: expected an output of the encoder ({', '.join(gives)}) and an input of the decoder "
                f"({', '.join(takes)}), found {name!r} -> {into!r}"
            )
    return dict(recipe.memory)
