"""Lines of text on a picture: outlines where they stand, and what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from needs import needs

import edgemm
from edgemm.opencv import opencv
from edgemm.results import TextLines

pytestmark = pytest.mark.device
needs(opencv)


def lines(quads: Any, *texts: str) -> TextLines:
    found = np.array(quads, np.float32)
    return TextLines(texts, np.ones(len(found), np.float32), found, (1,) * len(found))


def test_an_outline_follows_a_rotated_line(grey: Any) -> None:
    quad = [[100, 100], [200, 150], [190, 170], [90, 120]]
    drawn = edgemm.draw(grey, lines([quad], "")) != 100
    touched = drawn.any(axis=2)
    for begin, end in zip(quad, [*quad[1:], quad[0]], strict=True):
        middle = (np.array(begin) + end) // 2
        assert touched[middle[1] - 1 : middle[1] + 2, middle[0] - 1 : middle[0] + 2].any()
    assert not touched[130:140, 140:146].all()  # nothing is filled
    assert not touched[:95].any()


def test_what_it_says_stands_above_it(grey: Any) -> None:
    quad = [[100, 100], [200, 100], [200, 120], [100, 120]]
    silent, said = (edgemm.draw(grey, lines([quad], text)) for text in ("", "hello"))
    other = (silent != said).any(axis=2)
    rows, columns = np.nonzero(other)
    assert rows.size
    assert rows.max() <= 101
    assert columns.min() >= 100


def test_no_lines_leave_the_picture_as_it_is(grey: Any) -> None:
    assert np.array_equal(edgemm.draw(grey, TextLines()), edgemm.draw(grey, lines(np.zeros((0, 4, 2)))))
    assert (edgemm.draw(grey, TextLines()) == 100).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e12])
def test_places_that_are_none_are_left_out(grey: Any, bad: float) -> None:
    quad = [[bad, 100], [200, 100], [200, 120], [100, 120]]
    assert edgemm.draw(grey, lines([quad], "x")).shape == grey.shape
