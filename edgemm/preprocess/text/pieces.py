"""Tokenizers that give the ids of the text alone: SentencePiece, words, characters, bytes. The card says what is
around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgemm.card import TextRecipe
from edgemm.dependency import load_dependency
from edgemm.errors import CardError, InputError
from edgemm.preprocess.text.complete import lines
from edgemm.preprocess.text.tokenizer import WORD_MARK, Tokens

MARKS = ("<>", "[]", "{}", "||", "__")
"""First and last character of a line that stands for no character of a text, as <pad> and [UNK] do."""


class PieceTokenizer:
    """See `edgemm.preprocess.text.tokenizer.Tokenizer`.

    before, the first text, and where there is a second one between and that text, after.
    """

    def __init__(
        self,
        recipe: TextRecipe,
        length: int,
        divide: Callable[[str], list[int]],
        count: int,
        unknown: int | None = None,
        mark: int | None = None,
    ) -> None:
        """Args:
            divide: text -> ids of the vocabulary, as the model has them; `unknown` where it has none.
            count: how many ids the vocabulary has.
            unknown: None where nothing is unknown.
            mark: of a word, which alone says nothing; None where there is none.

        Raises:
            CardError: what stands around the text takes the whole length.
        """
        self._recipe, self._divide, self._unknown, self._mark = recipe, divide, unknown, mark
        around = (*recipe.before, *recipe.between, *recipe.after)
        self._room = length - len(recipe.before) - len(recipe.after)
        if len(around) >= length:
            raise CardError(
                f"text.length: expected more than the {len(around)} ids of before, between and after, found {length}"
            )
        self.highest = max((recipe.offset + count - 1, *around, -1 if unknown is None else unknown))

    def __call__(self, text: str, pair: str | None) -> Tokens:
        recipe, first = self._recipe, self._divide(text)
        second = None if pair is None else self._divide(pair)
        whole = len(first) + len(second or ())
        room = self._room - (0 if second is None else len(recipe.between))
        first, second = self._cut(first, second, room)
        ids = [*recipe.before, *first]
        types = [0] * len(ids)
        if second is not None:
            ids += recipe.between
            types += [0] * len(recipe.between) + [1] * len(second)
            ids += second
        ids += recipe.after
        types += [types[-1] if types else 0] * len(recipe.after)
        own = [*first, *(second or ())]
        unknown = 0 if self._unknown is None else own.count(self._unknown)
        marks = 0 if self._mark is None else own.count(self._mark)
        return Tokens(ids, types, len(own) - marks, unknown, len(own) < whole)

    def _cut(
        self, first: list[int], second: list[int] | None, room: int
    ) -> tuple[list[int], list[int] | None]:
        """The longer one loses first."""
        if second is None:
            return self._part(first, room), None
        shorter, longer = sorted((len(first), len(second)))
        kept = min(shorter, max(room // 2, room - longer))
        at_first = kept if len(first) == shorter else room - kept
        return self._part(first, at_first), self._part(second, room - at_first)

    def _part(self, ids: list[int], count: int) -> list[int]:
        if len(ids) <= count:
            return ids
        return ids[len(ids) - count :] if self._recipe.too_long == "cut-start" else ids[:count]


def from_sentencepiece(recipe: TextRecipe, length: int, vocabulary: bytes) -> PieceTokenizer:
    """Of a `.model` of SentencePiece.

    Raises:
        CardError: it is none.
    """
    model = read_sentencepiece(recipe, vocabulary)
    count = model.GetPieceSize()
    offset, own = recipe.offset, model.unk_id()
    unknown = recipe.unknown if recipe.unknown >= 0 else own + offset

    def divide(text: str) -> list[int]:
        return [unknown if each == own else each + offset for each in model.EncodeAsIds(text)]

    mark = model.PieceToId(WORD_MARK)
    return PieceTokenizer(recipe, length, divide, count, unknown, None if mark == own else mark + offset)


def read_sentencepiece(recipe: TextRecipe, vocabulary: bytes) -> Any:
    """The package's own processor.

    Raises:
        CardError: it is none.
    """
    package: Any = load_dependency("sentencepiece", "SentencePiece", "text")
    model = package.SentencePieceProcessor()
    try:
        model.LoadFromSerializedProto(vocabulary)
        model.GetPieceSize()
    except Exception as error:
        raise CardError(
            f"the vocabulary {recipe.vocabulary!r}: expected a .model of SentencePiece, found another file "
            f"({' '.join(str(error).split())[:200]})"
        ) from error
    return model


def from_words(recipe: TextRecipe, length: int, vocabulary: bytes) -> PieceTokenizer:
    """Of a file with one word on each line. Lines in angle brackets, such as <pad>, have an id, and never stand for a
    word of a text."""
    words = lines(vocabulary, recipe.vocabulary)
    places = {each: at + recipe.offset for at, each in enumerate(words) if is_word(each)}
    return _of_symbols(recipe, length, words, places, str.split)


def is_word(line: str) -> bool:
    """Of a vocabulary of words: what a text may have."""
    return line.split() == [line] and not (line.startswith("<") and line.endswith(">"))


def from_characters(recipe: TextRecipe, length: int, vocabulary: bytes) -> PieceTokenizer:
    """Of a file with one character on each line. Lines of several characters, such as <pad>, have an id, and never
    stand for a part of a text."""
    symbols = lines(vocabulary, recipe.vocabulary)
    places = {each: at + recipe.offset for at, each in enumerate(symbols) if len(each) == 1}
    return _of_symbols(recipe, length, symbols, places, list)


def _of_symbols(
    recipe: TextRecipe,
    length: int,
    symbols: list[str],
    places: dict[str, int],
    part: Callable[[str], list[str]],
) -> PieceTokenizer:
    """Args:
    symbols: the lines of the vocabulary.
    places: what a text may have -> id.
    part: text -> symbols.
    """
    if not places:
        raise CardError(
            f"the vocabulary {recipe.vocabulary!r}: expected one {_ONE[recipe.tokenizer]} on each line, found none"
        )
    for at, each in enumerate(symbols if recipe.tokenizer == "characters" else (), 1):
        if len(each) > 1 and not (len(each) > 2 and each[0] + each[-1] in MARKS):
            raise CardError(
                f"the vocabulary {recipe.vocabulary!r}, line {at}: expected one character, or a mark such as <pad>, "
                f"found {each[:20]!r}. For parts of words take tokenizer wordpiece or sentencepiece"
            )

    def divide(text: str) -> list[int]:
        found = part(text.lower() if recipe.lowercase else text)
        if recipe.unknown < 0:
            _require(found, places, recipe.tokenizer)
        return [places.get(each, recipe.unknown) for each in found]

    unknown = recipe.unknown if recipe.unknown >= 0 else None
    return PieceTokenizer(recipe, length, divide, len(symbols), unknown)


_ONE = {"words": "word", "characters": "character"}


def _require(symbols: list[str], places: dict[str, int], kind: str) -> None:
    """Names none of them: what was typed stands in no message."""
    missing = sum(each not in places for each in symbols)
    if missing:
        raise InputError(
            f"a text: expected {kind} of the model's vocabulary of {len(places)}, found {missing} others among "
            f"{len(symbols)}. Leave them out, or give them an id by `unknown` in the card"
        )


def from_bytes(recipe: TextRecipe, length: int, vocabulary: bytes) -> PieceTokenizer:
    """The bytes of the text in UTF-8."""

    def divide(text: str) -> list[int]:
        return [each + recipe.offset for each in text.encode("utf-8")]

    return PieceTokenizer(recipe, length, divide, 256)
