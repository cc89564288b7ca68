"""Text: what it measures, and letters that OpenCV does not have."""

from __future__ import annotations

import numpy as np
import pytest
from needs import needs

from edgemm.drawing.canvas import Canvas
from edgemm.drawing.lettering import Lettering, plain
from edgemm.media import Frame
from edgemm.opencv import opencv

pytestmark = pytest.mark.device
needs(opencv)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("person 0.93", "person 0.93"),
        ("café crème", "cafe creme"),
        ("Straße", "Strasse"),
        ("żółć", "zolc"),
        ("e\u0301", "e"),
        ("ﬁsh", "fish"),
        ("犬", "?"),
        ("кот 1", "??? 1"),
        ("a\tb\nc", "a b c"),
        ("\x07\u200b", "??"),
        ("😀", "?"),
        ("", ""),
    ],
)
def test_letters_that_opencv_lacks_are_spelt_or_become_question_marks(text: str, written: str) -> None:
    assert plain(text) == written


@pytest.mark.parametrize("short_side", [16, 240, 480, 720, 1080, 2160])
@pytest.mark.parametrize("text", ["Ag", "jjj", "QÅ|", "_[]{}", "WWWWWW", "0.93", "lazy dog"])
def test_letters_stay_inside_the_place_that_was_measured(short_side: int, text: str) -> None:
    letters = Lettering(4 * short_side, short_side) if short_side > 50 else Lettering(16, 2000)
    fitted = letters.fitted(text, 10_000)
    around = 40
    shape = (fitted.height + 2 * around, fitted.width + 2 * around, 3)
    canvas = Canvas("rgb")
    canvas.load(Frame(np.zeros(shape, np.uint8), 0, 0))
    canvas.lettering = letters
    canvas.write(fitted.text, around, around, (255, 255, 255))
    inside = canvas.pixels[around:-around, around:-around]
    assert canvas.pixels.any()
    assert int(inside.sum()) == int(canvas.pixels.sum())


def test_text_follows_the_size_of_the_picture() -> None:
    heights = [Lettering(2 * side, side).height for side in (16, 480, 720, 1440, 2880)]
    assert heights == sorted(heights)
    assert heights[4] == pytest.approx(2 * heights[3], rel=0.1)
    assert heights[0] >= 10  # still letters


@pytest.mark.parametrize("less", range(12))
def test_a_text_that_hardly_fails_to_fit_loses_little(less: int) -> None:
    letters, text = Lettering(640, 480), "an elephant in the room"
    most = letters.width(text) - less
    fitted = letters.fitted(text, most)
    assert (fitted.text == text) is (less == 0)
    kept = len(fitted.text) - 2
    assert less == 0 or letters.width(text[: kept + 1] + "..") > most


@pytest.mark.parametrize("most", [0, 5, 30, 31, 32, 60, 100, 300])
def test_a_text_is_cut_where_it_does_not_fit(most: int) -> None:
    letters = Lettering(640, 480)
    fitted = letters.fitted("an elephant in the room", most)
    assert not fitted.text or fitted.width <= most
    if fitted.text:
        longer = "an elephant in the room"[: len(fitted.text) - 1] + ".."
        assert fitted.text == "an elephant in the room" or letters.width(longer) > most
