"""Texts for texts: translators, and whatever else reads a text and writes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from edgemm.card.text_recipe import TextRecipe
from edgemm.errors import CardError, InputError
from edgemm.preprocess.text import Joined, TextPreprocessor, make_joined
from edgemm.tasks.search import Rules
from edgemm.tasks.sequence.feeds import SourceFeeds, TargetFeeds
from edgemm.tasks.sequence.recipe import SequenceRecipe
from edgemm.tasks.sequence.session import SequenceSession, Writer


class SequenceDriver:
    """See `edgemm.tasks.driver.Driver`.

    The encoder runs once for a text. Its outputs are held in the decoder's inputs of the same names (`memory` where
    they differ). The decoder takes a token and gives the scores of the next; its states are the cache, of a fixed
    length with a mask, or one that grows.
    """

    name: ClassVar[str] = "sequence"
    task: ClassVar[str] = "text_to_text"
    roles: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    optional: ClassVar[tuple[str, ...]] = ()
    assets: ClassVar[tuple[str, ...]] = ()
    modality: ClassVar[Literal["image", "audio", "text"]] = "text"
    Recipe: ClassVar[type[Any]] = SequenceRecipe

    def scores(self, recipe: SequenceRecipe) -> tuple[str, str]:
        """See `edgemm.tasks.driver.TellsItsScores`."""
        return "decoder", recipe.scores

    def session(
        self,
        recipe: SequenceRecipe,
        parts: Mapping[str, Any],
        assets: Mapping[str, bytes],
        options: Mapping[str, Any],
    ) -> SequenceSession:
        """The state of a new stream.

        Raises:
            CardError: recipe, parts and assets do not fit each other.
            MissingDependency: the package of a tokenizer is not installed.
        """
        try:
            recipe.check()
        except CardError as error:
            raise CardError(f"{self.name}.{error}") from error
        encoder, decoder = parts["encoder"], parts["decoder"]
        reads = {spec.name: spec for spec in encoder.inputs}
        takes = {spec.name: spec for spec in decoder.inputs}
        source, target = SourceFeeds(recipe, reads, takes), TargetFeeds(recipe, takes)
        prepare = TextPreprocessor(
            recipe.source, {"ids": reads[recipe.ids]}, source.most, _vocabulary(recipe.source, assets)
        )
        joined = make_joined(recipe.written, _vocabulary(recipe.written, assets))
        rules = _rules(recipe, target.places)
        _check_words(recipe, rules, joined, decoder)
        memory = _memory(recipe, encoder, takes)
        return SequenceSession(
            recipe, prepare, source, Writer(encoder, decoder, target, memory, rules), joined
        )


def _vocabulary(recipe: TextRecipe, assets: Mapping[str, bytes]) -> bytes:
    if not recipe.vocabulary:
        return b""
    if recipe.vocabulary not in assets:
        raise CardError(
            f"the vocabulary {recipe.vocabulary!r}: expected an asset of this name in the bundle, found "
            f"{', '.join(assets) or 'none'}"
        )
    return assets[recipe.vocabulary]


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


def _check_words(recipe: SequenceRecipe, rules: Rules, joined: Joined, decoder: Any) -> None:
    """Vocabulary, ids and scores go together."""
    spec = next((each for each in decoder.outputs if each.name == recipe.scores), None)
    if spec is None:
        known = ", ".join(each.name for each in decoder.outputs)
        raise CardError(
            f"the decoder: expected an output {recipe.scores!r}, found {known}. Names stand in the recipe"
        )
    words = spec.shape[-1] if spec.shape else 0
    if words < 0:
        return
    try:
        rules.check(words)
    except InputError as error:
        raise CardError(f"sequence: {error}") from error
    written = recipe.written
    if joined.highest >= words and written.tokenizer != "bytes":
        raise CardError(
            f"the vocabulary {written.vocabulary!r} has ids up to {joined.highest}, and the decoder gives scores of "
            f"{words}: it is the vocabulary of another model"
        )


def _memory(recipe: SequenceRecipe, encoder: Any, takes: Mapping[str, Any]) -> dict[str, str]:
    """Encoder's output -> decoder's input."""
    gives = {spec.name: spec for spec in encoder.outputs}
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


def _pairs(recipe: SequenceRecipe, gives: Mapping[str, Any], takes: Mapping[str, Any]) -> dict[str, str]:
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
