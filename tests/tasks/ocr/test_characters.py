"""Alphabets, and scores to text."""

from __future__ import annotations

import numpy as np
import pytest

from edgemm.errors import ArtifactError, CardError
from edgemm.tasks.ocr.characters import Reader, fitted, read_alphabet
from edgemm.tasks.ocr.widths import join, piece_begins


def rows(text: str, sure: float = 0.8) -> np.ndarray:
    """Steps of "_ab": the blank, a and b."""
    found = np.full((len(text), 3), (1 - sure) / 2, np.float32)
    found[range(len(text)), ["_ab".index(each) for each in text]] = sure
    return found


READER = Reader(("", "a", "b"), 0, "probabilities")


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ("__", ""),
        ("a", "a"),
        ("aab", "ab"),
        ("a_a", "aa"),
        ("_aa__bb_b", "abb"),
        ("abab", "abab"),
        ("ba_", "ba"),
    ],
)
def test_equal_labels_are_joined_and_blanks_left_out(steps: str, text: str) -> None:
    assert READER(rows(steps)).text == text


def test_the_score_is_the_mean_of_what_is_written() -> None:
    steps = np.concatenate([rows("a", 0.9), rows("_", 0.4), rows("b", 0.5)])
    assert READER(steps).score == pytest.approx(0.7)
    assert READER(rows("__")).score == 0.0


def test_logits_have_the_score_of_their_softmax() -> None:
    found = Reader(("", "a", "b"), 0, "logits")(np.log(rows("a_b", 0.7)) + 5)
    assert (found.text, round(found.score, 4)) == ("ab", 0.7)


def test_a_blank_that_is_the_last() -> None:
    assert Reader(("_", "a", ""), 2, "probabilities")(rows("ba_b")).text == "a_"


def test_white_space_at_the_ends_is_none() -> None:
    assert Reader(("", " ", "b"), 0, "probabilities")(rows("ab_a_b_a")).text == "b b"


def test_an_alphabet_keeps_spaces_and_what_looks_like_one() -> None:
    assert read_alphabet("a\r\n \r\n\u3000\r\n".encode()) == ("a", " ", "\u3000")
    assert read_alphabet("\ufeffa\nb".encode()) == ("a", "b")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\n\nb", "line 2"),
        (b"\xff\xfea", "UTF-8"),
        (b"", "empty"),
        (b"a" * 17, "17"),
        (b"a\n" * (3 << 20), "at most"),
    ],
)
def test_no_alphabet(content: bytes, said: str) -> None:
    with pytest.raises(ArtifactError, match=said):
        read_alphabet(content)


def test_a_space_stands_behind_an_alphabet_that_has_one_less() -> None:
    assert fitted("ab", 4, "first", "x") == ("", "a", "b", " ")
    assert fitted("ab", 4, "last", "x") == ("a", "b", " ", "")
    assert fitted("ab", 3, "first", "x") == ("", "a", "b")


@pytest.mark.parametrize("scores", [2, 5, 100])
def test_an_alphabet_of_another_network_is_refused(scores: int) -> None:
    with pytest.raises(CardError, match=f"expected {scores - 1} characters.*found 2"):
        fitted("ab", scores, "first", "asset 'alphabet'")


def test_an_alphabet_with_a_space_gets_no_second_one() -> None:
    with pytest.raises(CardError):
        fitted("a ", 4, "first", "x")


@pytest.mark.parametrize("columns", [161, 200, 256, 257, 1000])
def test_pieces_cover_a_line_and_overlap(columns: int) -> None:
    begins = piece_begins(columns, 160, 64)
    assert begins[0] == 0
    assert begins[-1] + 160 == columns
    steps = np.diff(begins)
    assert (steps > 0).all()
    assert (steps <= 160 - 64 + 8).all()


def test_pieces_are_joined_where_both_see_a_gap() -> None:
    first, second = rows("aa_b__bb"), rows("b__bb_aa")
    assert READER(join(first, second, 3 * 8, 64, READER)).text == READER(rows("aa_b__bb_aa")).text


def test_half_a_character_at_an_end_is_taken_from_the_other_piece() -> None:
    first = rows("aa__bba")  # its last step saw half of the next character
    second = rows("a_bbbb_")  # its first one half of the one before
    assert READER(join(first, second, 3 * 8, 56, READER)).text == "ab"
