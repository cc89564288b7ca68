"""From ids back to a text: what was divided is put together again."""

from __future__ import annotations

import io
from typing import Any

import pytest
from needs import package

from edgemm.card import TextRecipe
from edgemm.errors import CardError
from edgemm.preprocess.text import make_joined
from edgemm.preprocess.text.tokenizer import make_tokenizer

pytestmark = pytest.mark.device
LETTERS = "<pad>\n<end>\n \na\nb\né\n".encode()
WORDS = b"<pad>\n<end>\nhalf\npast\nten\n"
PIECES = b"[UNK]\n[CLS]\n[SEP]\nun\n##want\n##ed\n,\nrunning\n.\n"


def joined(ids: list[int], vocabulary: bytes = b"", **recipe: Any) -> str:
    return make_joined(TextRecipe(vocabulary="v.txt" if vocabulary else "", **recipe), vocabulary)(ids)


@pytest.mark.parametrize(
    ("ids", "text"),
    [([], ""), ([3, 2, 5], "a é"), ([0, 3, 1], "a"), ([3, 6, 999, -1, 4], "ab")],
    ids=["none", "letters", "special ones", "others"],
)
def test_characters(ids: list[int], text: str) -> None:
    assert joined(ids, LETTERS, tokenizer="characters") == text


def test_words_have_spaces_between() -> None:
    assert joined([2, 3, 0, 4, 1, 99], WORDS, tokenizer="words") == "half past ten"
    assert joined([12, 13], WORDS, tokenizer="words", offset=10) == "half past"


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"a\xc3\xa9", "aé"), (b"a\xc3", "a"), (b"a\xe2\x82", "a"), (b"a\xff\xc3\xa9", "a\ufffdé")],
    ids=["whole", "begun", "begun, of three", "none"],
)
def test_bytes_of_a_character_that_has_only_begun_write_nothing(content: bytes, text: str) -> None:
    assert joined([each + 3 for each in content], tokenizer="bytes", offset=3) == text


def test_pieces_of_words_are_put_together() -> None:
    package("tokenizers")
    assert joined([1, 3, 4, 5, 6, 7, 8, 2], PIECES, tokenizer="wordpiece") == "unwanted, running."


def test_a_tokenizer_json_says_itself_how() -> None:
    package("tokenizers")
    import tokenizers

    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<s>": 0, "a": 1, "b": 2}, unk_token="<s>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.add_special_tokens(["<s>"])
    assert joined([0, 1, 2, 7], made.to_str().encode(), tokenizer="json") == "a b"


def test_a_sentencepiece_text_comes_back() -> None:
    package("sentencepiece")
    import sentencepiece

    out = io.BytesIO()
    sentences = ["ein Hund läuft über die Wiese", "zwei Hunde laufen", "die Wiese ist grün"] * 20
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=out, vocab_size=28, minloglevel=5
    )
    recipe = TextRecipe(tokenizer="sentencepiece", vocabulary="v.model", offset=4, before=(1,), after=(2,))
    ids = make_tokenizer(recipe, 64, out.getvalue())("zwei Hunde laufen über die Wiese", None).ids
    assert make_joined(recipe, out.getvalue())(ids) == "zwei Hunde laufen über die Wiese"


def test_the_highest_id_is_told() -> None:
    assert make_joined(TextRecipe(tokenizer="words", vocabulary="v", offset=3), WORDS).highest == 7


def test_a_vocabulary_that_is_none_is_refused() -> None:
    package("sentencepiece")
    with pytest.raises(CardError, match=r"expected a \.model of SentencePiece"):
        joined([1], b"no model", tokenizer="sentencepiece")
