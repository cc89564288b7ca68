"""Word and letter error, against answers worked out by hand and the distance as a textbook computes it."""

from __future__ import annotations

import random
from functools import cache

import pytest

from edgemm.errors import InputError
from edgemm.judge import metric
from edgemm.judge.transcription import edits, normalised
from edgemm.results import Transcript

pytestmark = pytest.mark.device


def by_definition(a: str, b: str) -> int:
    @cache
    def of(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        return min(of(i - 1, j) + 1, of(i, j - 1) + 1, of(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return of(len(a), len(b))


@pytest.mark.parametrize(
    ("found", "right", "count"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("", "", 0), ("flaw", "lawn", 2)],
)
def test_known_distances(found: str, right: str, count: int) -> None:
    assert edits(found, right) == count


def test_the_distance_is_that_of_the_textbook() -> None:
    draw = random.Random(0)
    for _ in range(300):
        a, b = ("".join(draw.choices("abc", k=draw.randrange(9))) for _ in range(2))
        assert edits(a, b) == by_definition(a, b)


def test_errors_are_a_share_of_all_words_that_were_said() -> None:
    judge = metric("transcription")
    judge.add(Transcript("the cat sat"), "the cat sat on the mat")  # 3 missing
    judge.add(Transcript("one to three four"), "one two three")  # 1 exchanged, 1 too many
    judge.add(Transcript(""), "")
    assert judge.value() == pytest.approx(5 / 9)
    report = judge.report()
    assert (report["words"], report["wrong words"], report["samples"]) == (9, 5, 3)
    assert report["letter error"] == pytest.approx((11 + 6) / (22 + 13))
    assert report["exact"] == pytest.approx(1 / 3)


def test_more_can_be_wrong_than_was_said() -> None:
    judge = metric("transcription")
    judge.add("a b c", "d")
    assert judge.value() == 3.0


def test_without_a_word_there_is_no_figure() -> None:
    judge = metric("transcription")
    judge.add("noise", "")
    assert judge.value() != judge.value()
    assert judge.report()["word error"] is None


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  Hello,   WORLD!\n", "hello world"),
        ("don\N{RIGHT SINGLE QUOTATION MARK}t 'quote' it's", "don't quote it's"),
        ("twenty-one", "twenty one"),
        ("Caf\u0065\u0301 \uff21", "caf\u00e9 a"),
        ("Straße_2", "strasse 2"),
        ("...", ""),
    ],
)
def test_what_counts_of_a_text(text: str, plain: str) -> None:
    assert normalised(text) == plain


def test_a_truth_that_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match="expected what is said"):
        metric("transcription").add(Transcript("a"), 3)
