"""Tokenizers that put the special tokens in themselves: `tokenizer.json`, and BERT's WordPiece from its `vocab.txt`.

Both are run by the package tokenizers, whose rules are those that the models were trained with. Its tables of
characters are older than Python's: some hundred that Unicode got, or changed, in its last versions are taken for
letters where Python has signs, or the other way round.
"""

from __future__ import annotations

from typing import Any

from edgemm.card import TextRecipe
from edgemm.dependency import load_dependency
from edgemm.errors import CardError
from edgemm.preprocess.text.tokenizer import WORD_MARK, Tokens

CLS, SEP, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
LONGEST_WORD = 100
"""Characters: a longer word is unknown to BERT."""


class CompleteTokenizer:
    """See `edgemm.preprocess.text.tokenizer.Tokenizer`."""

    def __init__(self, tokenizer: Any, recipe: TextRecipe, length: int, unknown: int | None) -> None:
        """Args:
            tokenizer: of the package.
            unknown: id of what it does not know; None where it knows all, or does not say.

        Raises:
            CardError: its special tokens alone take the whole length.
        """
        self._tokenizer, self._unknown = tokenizer, unknown
        self._mark = tokenizer.token_to_id(WORD_MARK)
        self.highest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0)
        special = tokenizer.num_special_tokens_to_add(True)
        if special >= length:
            raise CardError(
                f"text.length: expected more than the {special} special tokens of two texts, found {length}"
            )
        side = "left" if recipe.too_long == "cut-start" else "right"
        tokenizer.no_padding()
        tokenizer.enable_truncation(length, direction=side)

    def __call__(self, text: str, pair: str | None) -> Tokens:
        found = self._tokenizer.encode(text, pair)
        ids = found.ids
        own = [
            each
            for each, special in zip(ids, found.special_tokens_mask, strict=True)
            if not special and each != self._mark
        ]
        unknown = 0 if self._unknown is None else own.count(self._unknown)
        return Tokens(ids, found.type_ids, len(own), unknown, bool(found.overflowing))


def from_json(recipe: TextRecipe, length: int, vocabulary: bytes) -> CompleteTokenizer:
    """Of a `tokenizer.json`.

    Raises:
        CardError: it is none.
    """
    made = read_json(recipe, vocabulary)
    return CompleteTokenizer(made, recipe, length, _unknown_of(made))


def read_json(recipe: TextRecipe, vocabulary: bytes) -> Any:
    """The package's own tokenizer of a `tokenizer.json`.

    Raises:
        CardError: it is none.
    """
    package = _package()
    try:
        return package.Tokenizer.from_str(vocabulary.decode("utf-8"))
    except BaseException as error:
        raise _refused(error, recipe, "a tokenizer.json") from error


def _unknown_of(tokenizer: Any) -> int | None:
    token = getattr(tokenizer.model, "unk_token", None)
    return None if token is None else tokenizer.token_to_id(token)


def from_words(recipe: TextRecipe, length: int, vocabulary: bytes) -> CompleteTokenizer:
    """Of a `vocab.txt`: a token on each line, whose number, from 0, is its id.

    Raises:
        CardError: it is none.
    """
    made = read_words(recipe, vocabulary)
    return CompleteTokenizer(made, recipe, length, made.token_to_id(UNKNOWN))


def read_words(recipe: TextRecipe, vocabulary: bytes) -> Any:
    """The package's own tokenizer of a `vocab.txt`.

    Raises:
        CardError: it is none.
    """
    package = _package()
    words = {word: at for at, word in enumerate(lines(vocabulary, recipe.vocabulary))}
    missing = [each for each in (CLS, SEP, UNKNOWN) if each not in words]
    if missing:
        raise CardError(
            f"the vocabulary {recipe.vocabulary!r}: expected BERT's tokens {CLS}, {SEP} and {UNKNOWN}, one on a line; "
            f"{missing[0]} is missing"
        )
    model = package.models.WordPiece(words, unk_token=UNKNOWN, max_input_chars_per_word=LONGEST_WORD)
    made = package.Tokenizer(model)
    made.add_special_tokens([each for each in (CLS, SEP, UNKNOWN, "[PAD]", "[MASK]") if each in words])
    made.normalizer = package.normalizers.BertNormalizer(lowercase=recipe.lowercase)
    made.pre_tokenizer = package.pre_tokenizers.BertPreTokenizer()
    made.post_processor = package.processors.BertProcessing((SEP, words[SEP]), (CLS, words[CLS]))
    made.decoder = package.decoders.WordPiece()
    return made


def lines(vocabulary: bytes, name: str) -> list[str]:
    """The lines of a vocabulary, each without its end; the last may be empty, and is then none.

    Raises:
        CardError: it is not UTF-8, empty, or has a line twice.
    """
    try:
        found = vocabulary.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise CardError(
            f"the vocabulary {name!r}: expected UTF-8, found byte {error.start} to be none"
        ) from error
    if found[-1] == "":
        found.pop()
    if not found:
        raise CardError(f"the vocabulary {name!r}: expected a token on each line, found an empty file")
    first: dict[str, int] = {}
    for at, each in enumerate(found):
        if first.setdefault(each, at) != at:
            raise CardError(f"the vocabulary {name!r}: line {at + 1} repeats line {first[each] + 1}")
    return found


def _package() -> Any:
    return load_dependency("tokenizers", "tokenizers", "text")


def _refused(error: BaseException, recipe: TextRecipe, what: str) -> BaseException:
    """What to raise: a panic of Rust is no `Exception`."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        return error
    reason = " ".join(str(error).split())[:200]
    return CardError(
        f"the vocabulary {recipe.vocabulary!r}: expected {what} that tokenizers reads, found another: {reason}"
    )
