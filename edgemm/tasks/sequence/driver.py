"""Texts for texts: translators, and whatever else reads a text and writes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from edgemm.card.text_recipe import TextRecipe
from edgemm.errors import CardError, InputError
from edgemm.preprocess.text import Joined, TextPreprocessor, make_joined
from edgemm.tasks.search import Rules
from edgemm.tasks.sequence.recipe import SequenceRecipe
from edgemm.tasks.sequence.session import SequenceSession, Writer
from edgemm.tasks.sequence.ways import find_ways
from edgemm.tensors import TensorSpec


class SequenceDriver:
    """See `edgemm.tasks.driver.Driver`.

    The encoder runs once for a text. Its outputs are held in the decoder's inputs of the same names (`memory` where
    they differ). The decoder takes a token and gives the scores of the next; its states are the cache, of a fixed
    length with a mask, or one that grows. Where the files have several signatures, the shortest that a text fits in is
    run (`ways`).
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

    def lengths(self, recipe: SequenceRecipe) -> tuple[str, ...]:
        """See `edgemm.tasks.driver.RunsTheShortest`."""
        return self.roles

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
        joined = make_joined(recipe.written, _vocabulary(recipe.written, assets))
        ways = find_ways(recipe, encoder, decoder)
        for way in ways:
            _check_words(recipe, way.rules, joined, way.scores)
        longest = ways[-1].source
        prepare = TextPreprocessor(
            recipe.source, {"ids": longest.ids}, longest.most, _vocabulary(recipe.source, assets)
        )
        try:
            return SequenceSession(recipe, prepare, Writer(encoder, decoder, ways), joined)
        except InputError as error:
            raise CardError(f"{self.name}.accepts: {error}") from error


def _vocabulary(recipe: TextRecipe, assets: Mapping[str, bytes]) -> bytes:
    if not recipe.vocabulary:
        return b""
    if recipe.vocabulary not in assets:
        raise CardError(
            f"the vocabulary {recipe.vocabulary!r}: expected an asset of this name in the bundle, found "
            f"{', '.join(assets) or 'none'}"
        )
    return assets[recipe.vocabulary]


def _check_words(recipe: SequenceRecipe, rules: Rules, joined: Joined, spec: TensorSpec) -> None:
    """Vocabulary, ids and scores go together."""
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
