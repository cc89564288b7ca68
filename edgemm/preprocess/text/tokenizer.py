"""The seam between texts and ids: what a tokenizer has to provide, and which kinds there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from edgemm.card import TextRecipe
from edgemm.errors import CardError

FEATURES = {"json": "tokenizers", "wordpiece": "tokenizers", "sentencepiece": "SentencePiece"}

WORD_MARK = "\u2581"
"""What SentencePiece puts before a word; alone it says nothing."""


class Tokens(NamedTuple):
    """One text, or two, as the model counts it."""

    ids: list[int]
    types: list[int]
    """Of each id: 0 for the first text, 1 for the second."""
    own: int
    """How many ids are of the text itself, special tokens and lone marks of words left out."""
    unknown: int
    """How many of these the vocabulary does not have."""
    cut: bool
    """The text was longer."""


class Tokenizer(Protocol):
    """Divides texts.

    Exists so that the tensors need to know nothing of vocabularies.
    """

    highest: int
    """The highest id that it can give."""

    def __call__(self, text: str, pair: str | None) -> Tokens:
        """At most as many tokens as the inputs hold.

        Raises:
            InputError: a character that it has no id for.
        """


_MAKE: Mapping[str, str] = {
    "json": "edgemm.preprocess.text.complete:from_json",
    "wordpiece": "edgemm.preprocess.text.complete:from_words",
    "sentencepiece": "edgemm.preprocess.text.pieces:from_sentencepiece",
    "words": "edgemm.preprocess.text.pieces:from_words",
    "characters": "edgemm.preprocess.text.pieces:from_characters",
    "bytes": "edgemm.preprocess.text.pieces:from_bytes",
}
"""Kind -> module and function, imported when a card asks for it."""


def make_tokenizer(recipe: TextRecipe, length: int, vocabulary: bytes) -> Tokenizer:
    """The tokenizer that a card describes.

    Args:
        length: tokens that the inputs hold.
        vocabulary: content of its file; b"" for bytes.

    Raises:
        CardError: the vocabulary is none of this kind, or does not fit the recipe.
        MissingDependency: its package is not installed.
    """
    if recipe.tokenizer not in _MAKE:  # a card that was made in Python
        raise CardError(f"text.tokenizer: expected one of {', '.join(_MAKE)}, found {recipe.tokenizer!r}")
    module, _, name = _MAKE[recipe.tokenizer].partition(":")
    make = cast(Callable[[TextRecipe, int, bytes], Tokenizer], getattr(import_module(module), name))
    return make(recipe, length, vocabulary)
