"""Tokenizers that give the ids of the text alone, and what the card puts around them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from needs import package

from edgemm.card import TextRecipe
from edgemm.errors import CardError, InputError
from edgemm.preprocess.text.tokenizer import Tokens, make_tokenizer

pytestmark = pytest.mark.device
LETTERS = "<pad>\n<unk>\n \na\nb\nc\né\n".encode()


def divided(
    text: str, pair: str | None = None, length: int = 16, vocabulary: bytes = b"", **recipe: Any
) -> Tokens:
    name = "v.txt" if vocabulary else ""
    return make_tokenizer(TextRecipe(vocabulary=name, **recipe), length, vocabulary)(text, pair)


def test_bytes_are_those_of_utf_8() -> None:
    assert divided("aé", tokenizer="bytes").ids == [97, 0xC3, 0xA9]


def test_special_ids_stand_around_and_are_not_moved() -> None:
    found = divided("ab", tokenizer="bytes", offset=3, before=(1,), after=(2,))
    assert (found.ids, found.own, found.types) == ([1, 100, 101, 2], 2, [0, 0, 0, 0])


def test_two_texts_have_two_types() -> None:
    found = divided("a", "bc", tokenizer="bytes", before=(1,), between=(3,), after=(2,))
    assert found.ids == [1, 97, 3, 98, 99, 2]
    assert found.types == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(("way", "kept"), [("cut-end", "abcd"), ("cut-start", "efgh")])
def test_a_long_text_keeps_its_special_ids(way: Any, kept: str) -> None:
    found = divided("abcdefgh", length=6, tokenizer="bytes", before=(1,), after=(2,), too_long=way)
    assert found == Tokens([1, *kept.encode(), 2], [0] * 6, 4, 0, True)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [(1, 9, (1, 6)), (9, 1, (6, 1)), (9, 9, (3, 4)), (5, 9, (3, 4)), (3, 4, (3, 4)), (4, 3, (4, 3))],
)
def test_of_two_texts_the_longer_one_is_cut(first: int, second: int, kept: tuple[int, int]) -> None:
    found = divided(
        "a" * first, "b" * second, length=10, tokenizer="bytes", before=(1,), between=(3,), after=(2,)
    )
    assert (found.ids.count(97), found.ids.count(98)) == kept
    assert len(found.ids) == sum(kept) + 3
    assert found.cut == (first + second > 7)


def test_a_text_that_just_fits_is_not_cut() -> None:
    assert not divided("abcd", length=6, tokenizer="bytes", before=(1,), after=(2,)).cut


def test_characters_are_lines_of_their_file() -> None:
    found = divided("a bé", tokenizer="characters", vocabulary=LETTERS)
    assert (found.ids, found.unknown) == ([3, 2, 4, 6], 0)


@pytest.mark.parametrize("line", ["ab", "<>", "<a", "word"])
def test_a_line_of_several_characters_that_is_no_mark_is_refused(line: str) -> None:
    with pytest.raises(CardError, match="line 3: expected one character, or a mark such as <pad>"):
        divided("a", tokenizer="characters", vocabulary=f"<pad>\na\n{line}\nb\n".encode())


def test_characters_that_are_not_there_get_the_id_for_them() -> None:
    found = divided("axBz", tokenizer="characters", vocabulary=LETTERS, unknown=1, lowercase=True)
    assert (found.ids, found.unknown, found.own) == ([3, 1, 4, 1], 2, 4)


def test_characters_that_are_not_there_are_refused_without_an_id_and_not_repeated() -> None:
    with pytest.raises(InputError, match="found 2 others among 3") as raised:
        divided("aXQ", tokenizer="characters", vocabulary=LETTERS)
    assert "Q" not in str(raised.value)


@pytest.mark.parametrize(
    ("vocabulary", "said"),
    [
        (b"a\nb\na\n", "line 3 repeats line 1"),
        (b"", "empty"),
        (b"\xff\n", "expected UTF-8"),
        (b"<pad>\n<unk>\n", "one character on each line"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_refused(vocabulary: bytes, said: str) -> None:
    with pytest.raises(CardError, match=said):
        make_tokenizer(TextRecipe(tokenizer="characters", vocabulary="v.txt"), 8, vocabulary)


def test_special_ids_must_leave_room() -> None:
    with pytest.raises(CardError, match="more than the 3 ids"):
        divided("a", length=3, tokenizer="bytes", before=(1,), between=(3,), after=(2,))


def test_the_highest_id_counts_offset_and_special_ids() -> None:
    made = make_tokenizer(TextRecipe(tokenizer="bytes", offset=3), 8, b"")
    assert made.highest == 258
    assert make_tokenizer(TextRecipe(tokenizer="bytes", after=(999,)), 8, b"").highest == 999


@pytest.fixture(scope="module")
def pieces() -> bytes:
    """A SentencePiece model of a few sentences."""
    package("sentencepiece")
    import sentencepiece

    model = io.BytesIO()
    sentences = ["the cat sat on the mat", "a dog and a cat", "the dog sat", "on and on the mat"] * 5
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=model, vocab_size=19, minloglevel=2
    )  # fmt: skip
    return model.getvalue()


def test_sentencepiece_divides_and_the_card_moves_the_ids(pieces: bytes) -> None:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=pieces)
    found = divided("the cat sat", tokenizer="sentencepiece", vocabulary=pieces, offset=1, after=(7,))
    assert found.ids[-1] == 7
    assert processor.DecodeIds([each - 1 for each in found.ids[:-1]]) == "the cat sat"


def test_what_sentencepiece_does_not_know_gets_its_own_id(pieces: bytes) -> None:
    found = divided("猫", tokenizer="sentencepiece", vocabulary=pieces, offset=1, unknown=3)
    assert 3 in found.ids
    assert found.unknown >= 1


def test_a_mark_of_a_word_alone_is_nothing_known(pieces: bytes) -> None:
    """SentencePiece puts one before every text."""
    found = divided("猫", tokenizer="sentencepiece", vocabulary=pieces)
    assert len(found.ids) == 2
    assert (found.own, found.unknown) == (1, 1)


def test_a_file_of_something_else_is_no_sentencepiece_model() -> None:
    package("sentencepiece")
    with pytest.raises(CardError, match=r"expected a .model of SentencePiece"):
        divided("a", tokenizer="sentencepiece", vocabulary=b"something else")


WORDS = b"<pad>\n<unk>\nhalf\npast\n<\n"


def test_words_stand_between_spaces() -> None:
    found = divided("half  past\tHALF", tokenizer="words", vocabulary=WORDS, unknown=1)
    assert (found.ids, found.unknown) == ([2, 3, 1], 1)
    assert divided("PAST <", tokenizer="words", vocabulary=WORDS, lowercase=True).ids == [3, 4]


def test_a_word_in_brackets_is_no_word_of_a_text() -> None:
    with pytest.raises(
        InputError, match="expected words of the model's vocabulary of 3, found 1 others among 2"
    ):
        divided("half <pad>", tokenizer="words", vocabulary=WORDS)


@pytest.mark.parametrize("vocabulary", [b"<pad>\n", b"two words\n"])
def test_a_vocabulary_without_a_word_is_refused(vocabulary: bytes) -> None:
    with pytest.raises(CardError, match="expected one word on each line, found none"):
        divided("a", tokenizer="words", vocabulary=vocabulary)
