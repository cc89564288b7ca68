"""Labels to words: letters with spaces between, parts of words that begin with a mark, and whole words."""

from __future__ import annotations

from typing import Any

import pytest

from edgemm.errors import CardError
from edgemm.tasks.transcription.hot_words import HotWords
from edgemm.tasks.transcription.recipe import TranscriptionRecipe
from edgemm.tasks.transcription.spelling import Spelling, Written

pytestmark = pytest.mark.device

LETTERS = ("<pad>", "|", "E", "H", "T", "'")
PIECES = ("<blk>", "▁", "▁th", "e", "▁the", "m", "<unk>")
WORDS = ("<blank>", "▁", "one", "two")


def spelt(labels: tuple[str, ...], said: list[str], **recipe: Any) -> list[Written]:
    return Spelling(labels, TranscriptionRecipe(**recipe)).words([labels.index(each) for each in said])


def test_letters_are_joined_up_to_the_separator() -> None:
    found = spelt(LETTERS, ["T", "H", "E", "|", "H", "E", "|"], separator="|")
    assert found == [Written("THE", 0, 2), Written("HE", 4, 5)]


def test_separators_at_the_ends_and_in_a_row_make_no_words() -> None:
    assert spelt(LETTERS, ["|", "|", "H", "|", "|"], separator="|") == [Written("H", 2, 2)]


def test_a_piece_with_the_mark_begins_a_word() -> None:
    found = spelt(PIECES, ["▁the", "▁th", "e", "m", "▁", "m", "e"], separator="▁", ignored=("<unk>",))
    assert [each.text for each in found] == ["the", "them", "me"]
    assert found[1] == Written("them", 1, 3)


def test_an_ignored_label_writes_nothing_and_divides_nothing() -> None:
    found = spelt(PIECES, ["<unk>", "▁th", "<unk>", "e"], separator="▁", ignored=("<unk>",))
    assert found == [Written("the", 1, 3)]


def test_without_a_separator_all_is_one_word() -> None:
    assert spelt(("-", "你", "好"), ["你", "好"], separator="") == [Written("你好", 0, 1)]


def test_a_word_begins_with_its_mark() -> None:
    found = spelt(WORDS, ["▁", "one", "two", "▁", "two"], units="words", separator="▁")
    assert found == [Written("one", 0, 1), Written("two", 2, 2), Written("two", 3, 4)]


def test_of_marks_without_a_word_the_last_counts() -> None:
    assert spelt(WORDS, ["▁", "▁", "one", "▁"], units="words", separator="▁") == [Written("one", 1, 2)]


@pytest.mark.parametrize(
    ("labels", "recipe", "reason"),
    [
        (LETTERS, {"blank": 6}, "blank: expected 0 to 5"),
        (LETTERS, {"ignored": ("<unk>",)}, "ignored: '<unk>' is none of"),
        (("-", "a", "a"), {}, "'a' several times"),
    ],
)
def test_labels_that_do_not_fit_the_recipe_are_refused(
    labels: tuple[str, ...], recipe: dict[str, Any], reason: str
) -> None:
    with pytest.raises(CardError, match=reason):
        Spelling(labels, TranscriptionRecipe(**recipe))


@pytest.mark.parametrize(
    ("labels", "units", "word", "reason"),
    [
        (LETTERS, "pieces", "HEX", "'HEX' cannot be written .* goes on with 'X' after 'HE'"),
        (PIECES, "pieces", "them!", "goes on with '!' after 'them'"),
        (WORDS, "words", "three", "'three' cannot be written .* none of the words one, two"),
    ],
)
def test_a_hot_word_that_the_labels_cannot_write_is_refused(
    labels: tuple[str, ...], units: Any, word: str, reason: str
) -> None:
    recipe = TranscriptionRecipe(units=units, separator=labels[1], hot_words=(word,))
    with pytest.raises(CardError, match=reason):
        HotWords(recipe, Spelling(labels, recipe))


def test_a_hot_word_earns_its_bonus_letter_by_letter() -> None:
    recipe = TranscriptionRecipe(separator="|", hot_words=("THE", "THEE"), hot_bonus=6.0)
    hot = HotWords(recipe, Spelling(LETTERS, recipe))
    assert [hot.begun(word) for word in ("T", "TH", "THE", "THEE", "H")] == [2.0, 4.0, 6.0, 6.0, 0.0]
    assert [hot.whole(word) for word in ("TH", "THE", "THEE")] == [0.0, 6.0, 6.0]
