"""The demo's page is read as it is and as a camera might see it."""

from __future__ import annotations

import numpy as np
import pytest
from needs import needs

from edgemm import data
from edgemm.cli.demo import later
from edgemm.cli.demo.reading import ReadPage, photographed, read_page
from edgemm.opencv import opencv

needs(opencv)
pytestmark = pytest.mark.device


def test_the_page_is_read_in_both_pictures() -> None:
    told: list[tuple[str, int, int]] = []
    plain, turned = read_page(lambda *each: told.append(each))
    assert told == [("reading", done, 2) for done in range(3)]
    assert plain.lines == tuple(data.path("pages/receipt.txt").read_text("utf-8").splitlines())
    assert plain.exact >= 9
    assert turned.exact >= 6  # small networks: letters are mistaken here and there
    assert plain.drawn.shape[2] == 3
    assert plain.to_json()["exact"] == plain.exact


def test_a_photographed_page_is_turned_and_darker_where_no_lamp_is() -> None:
    page = np.full((300, 400), 250, np.uint8)
    page[40:60, 50:350] = 0
    seen = photographed(page)
    assert seen.shape == (340, 429)  # 400 cos + 300 sin of six degrees, and the other way round
    assert seen[60, 60].mean() > 200
    assert 90 < seen[280, 370] < 150
    assert seen[5, 425] < 80  # the table


def test_a_line_that_is_missed_or_wrong_is_shown_as_a_miss() -> None:
    drawn = np.zeros((4, 4, 3), np.uint8)
    page = ReadPage("as it is", drawn, ("one two", "thre"), ("onetwo", "three", "nothing like it"))
    assert page.exact == 1
    html = later.reading((page,)).html
    assert "1 of 3 lines exact" in html
    assert "exact</td>" in html
    assert "thre" in html
    assert "not read" in html
