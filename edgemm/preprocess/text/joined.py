"""From ids to a text: what a network has written, as people read it.

    text = make_joined(recipe, vocabulary)
    text([5, 9, 3])                                     -> "ein Hund"

The recipe is one as texts are divided by; special tokens, and ids that the vocabulary does not have, write nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edgemm.card import TextRecipe
from edgemm.card.text_recipe import check_text
from edgemm.errors import CardError
from edgemm.preprocess.text.complete import lines, read_json, read_words
from edgemm.preprocess.text.pieces import is_word, read_sentencepiece

Join = Callable[[list[int]], str]


class Joined:
    """One vocabulary, the other way round."""

    def __init__(self, recipe: TextRecipe, count: int, join: Join) -> None:
        """Use `make_joined`."""
        self._offset, self._count, self._join = recipe.offset, count, join
        self.highest = recipe.offset + count - 1
        """The highest id that stands for something."""

    def __call__(self, ids: Sequence[int]) -> str:
        """The text of these ids. Of a character that is not whole yet, nothing is written."""
        return self._join([at for each in ids if 0 <= (at := each - self._offset) < self._count])


def make_joined(recipe: TextRecipe, vocabulary: bytes) -> Joined:
    """What puts a text together.

    Args:
        recipe: tokenizer, the name of the vocabulary, offset.
        vocabulary: its content; b"" for bytes.

    Raises:
        CardError: the vocabulary is none of this kind, or does not fit the recipe.
        MissingDependency: its package is not installed.
    """
    check_text(recipe, "text")
    if recipe.tokenizer not in _MAKE:  # a card that was made in Python
        raise CardError(f"text.tokenizer: expected one of {', '.join(_MAKE)}, found {recipe.tokenizer!r}")
    count, join = _MAKE[recipe.tokenizer](recipe, vocabulary)
    return Joined(recipe, count, join)


def _json(recipe: TextRecipe, vocabulary: bytes) -> tuple[int, Join]:
    package = read_json(recipe, vocabulary)
    return _highest(package), lambda ids: str(package.decode(ids, skip_special_tokens=True))


def _wordpiece(recipe: TextRecipe, vocabulary: bytes) -> tuple[int, Join]:
    package = read_words(recipe, vocabulary)
    return _highest(package), lambda ids: str(package.decode(ids, skip_special_tokens=True))


def _highest(package: object) -> int:
    return 1 + max(package.get_vocab(with_added_tokens=True).values(), default=-1)  # type: ignore[attr-defined]


def _sentencepiece(recipe: TextRecipe, vocabulary: bytes) -> tuple[int, Join]:
    model = read_sentencepiece(recipe, vocabulary)
    return int(model.GetPieceSize()), lambda ids: str(model.DecodeIds(ids))


def _words(recipe: TextRecipe, vocabulary: bytes) -> tuple[int, Join]:
    words = [each if is_word(each) else "" for each in lines(vocabulary, recipe.vocabulary)]
    return len(words), lambda ids: " ".join(words[each] for each in ids if words[each])


def _characters(recipe: TextRecipe, vocabulary: bytes) -> tuple[int, Join]:
    symbols = [each if len(each) == 1 else "" for each in lines(vocabulary, recipe.vocabulary)]
    return len(symbols), lambda ids: "".join(symbols[each] for each in ids)


def _bytes(recipe: TextRecipe, vocabulary: bytes) -> tuple[int, Join]:
    return 256, lambda ids: _whole(bytes(ids))


def _whole(content: bytes) -> str:
    """Bad bytes become the replacement character; a character that has only begun is left out."""
    from codecs import getincrementaldecoder

    return getincrementaldecoder("utf-8")("replace").decode(content)


_MAKE: Mapping[str, Callable[[TextRecipe, bytes], tuple[int, Join]]] = {
    "json": _json,
    "wordpiece": _wordpiece,
    "sentencepiece": _sentencepiece,
    "words": _words,
    "characters": _characters,
    "bytes": _bytes,
}
"""Kind -> (how many ids there are, ids below that -> text)."""
