"""Characters wrong in pictures of text, against counts by hand."""

from __future__ import annotations

import math

import pytest

from edgemm.errors import InputError
from edgemm.judge import metric
from edgemm.results import TextLines


def judged(*pairs: tuple[str, str]) -> dict[str, object]:
    measured = metric("ocr")
    for found, right in pairs:
        measured.add(found, right)
    return measured.report()


def test_characters_put_in_taken_out_and_exchanged() -> None:
    assert judged(("kitten", "sitting"))["wrong characters"] == 3
    report = judged(("abc\nde", "abx\nde"), ("", "xy"))
    assert (report["character error"], report["characters"], report["samples"]) == (3 / 7, 7, 2)


def test_spaces_and_breaks_do_not_count_and_case_does() -> None:
    assert judged(("a b\nc", "ab c"))["character error"] == 0
    assert judged(("A", "a"))["character error"] == 1


def test_lines_that_are_exact_are_counted_each_once() -> None:
    report = judged(("one\none\nthree", "one\ntwo\nthr ee"))
    assert (report["lines"], report["exact"]) == (3, 2 / 3)


def test_a_result_is_read_by_its_rows() -> None:
    measured = metric("ocr")
    measured.add(TextLines(("a", "b", "c"), rows=(2, 1)), "ab\nc")
    assert measured.report()["exact"] == 1


def test_no_text_anywhere() -> None:
    measured = metric("ocr")
    measured.add("", "")
    assert math.isnan(measured.value())
    assert measured.report()["character error"] is None


def test_a_truth_that_is_no_text() -> None:
    with pytest.raises(InputError, match="text"):
        metric("ocr").add("a", 5)
