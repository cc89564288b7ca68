"""Classes, words, masks and landmarks on a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

import edgemm
from edgemm.drawing.palette import color_of
from edgemm.errors import InputError
from edgemm.opencv import opencv
from edgemm.results import (
    Classification,
    Keyword,
    Landmarks,
    Segment,
    Segmentation,
    Segments,
    Tags,
    Transcript,
)

pytestmark = pytest.mark.device
needs(opencv)

Picture = npt.NDArray[np.uint8]
FILLED, EMPTY = (20, 90, 170), (40, 40, 40)


def bar_lengths(drawn: Picture, row: int) -> tuple[int, int]:
    """Pixels of the filled part and of the whole bar, along one line of the picture."""
    filled = (drawn[row] == FILLED).all(axis=1)
    whole = filled | (drawn[row] == EMPTY).all(axis=1)
    return int(filled.sum()), int(whole.sum())


@pytest.mark.parametrize(
    ("score", "part"), [(0.0, 0), (0.25, 0.25), (1.0, 1), (7.0, 1), (-1, 0), (float("nan"), 0)]
)
def test_a_bar_is_as_long_as_its_score(grey: Picture, score: float, part: float) -> None:
    drawn = edgemm.draw(grey, Classification(("cat",), np.array([score], np.float32), np.zeros(1, np.int64)))
    assert bar_lengths(drawn, 0) == (part * 320, 320)


def test_labels_stand_below_each_other_best_first_and_five_at_most(grey: Picture) -> None:
    labels = tuple("abcdefgh")
    scores = np.linspace(0.8, 0.1, 8, dtype=np.float32)
    drawn = edgemm.draw(grey, Classification(labels, scores, np.arange(8)))
    touched = (drawn != 100).any(axis=(1, 2))
    high = int(touched.sum()) // 5
    assert [bar_lengths(drawn, row * high)[0] for row in range(5)] == [256, 224, 192, 160, 128]
    assert touched[: 5 * high].all()


def test_a_low_picture_has_as_many_rows_as_fit() -> None:
    low = np.full((60, 640, 3), 100, np.uint8)

    def drawn_rows(number: int) -> int:
        result = Classification(("a",) * number, np.ones(number, np.float32), np.arange(number))
        return int((edgemm.draw(low, result) != 100).any(axis=(1, 2)).sum())

    assert drawn_rows(5) == 60 // drawn_rows(1) * drawn_rows(1)


def test_a_word_stands_at_the_bottom(grey: Picture) -> None:
    drawn = edgemm.draw(grey, Keyword("yes", 0.5, 0, 1))
    assert not (drawn[:400] != 100).any()
    assert bar_lengths(drawn, 479) == (160, 320)


def test_a_transcript_shows_its_last_words(grey: Picture) -> None:
    long = "once upon a time " * 40 + "the end"
    drawn = edgemm.draw(grey, Transcript(long))
    assert np.array_equal(drawn, edgemm.draw(grey, Transcript("something else " + long[-300:])))
    assert not np.array_equal(drawn, edgemm.draw(grey, Transcript(long + " of it")))
    assert not (drawn[:400] != 100).any()


def test_each_class_has_its_colour_and_the_background_none(grey: Picture) -> None:
    classes = np.zeros((480, 640), np.uint8)
    classes[200:300, 100:200], classes[300:400, 300:500] = 2, 5
    drawn = edgemm.draw(grey, Segmentation(classes, ("background", "a", "b", "c", "d", "e")))
    for at, class_id in (((250, 150), 2), ((350, 400), 5)):
        expected = (np.array(color_of(class_id)) + 100) / 2
        assert np.abs(drawn[at] - expected).max() <= 1  # rounding
    below_the_legend = np.s_[100:]
    assert (drawn[below_the_legend][classes[below_the_legend] == 0] == 100).all()


@pytest.mark.parametrize(
    ("labels", "clear"),
    [
        ((), [0]),
        (("background", "cat"), [0]),
        (("__background__", "cat"), [0]),
        (("Background ", "cat"), [0]),
        (("road", "background"), [1]),
        (("road", ""), [1]),
        (("road", "cat"), []),
        (("road",), []),
    ],
)
def test_what_is_left_clear(grey: Picture, labels: tuple[str, ...], clear: list[int]) -> None:
    classes = np.zeros((480, 640), np.uint8)
    classes[:, 320:] = 1
    drawn = edgemm.draw(grey, Segmentation(classes, labels))
    halves = [(drawn[300:, side] == 100).all() for side in (np.s_[:320], np.s_[320:])]
    assert [at for at, half in enumerate(halves) if half] == clear


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_class_looks_the_same_in_both_widths(grey: Picture, dtype: type[Any]) -> None:
    classes: npt.NDArray[Any] = np.random.default_rng(0).integers(0, 256, (480, 640)).astype(dtype)
    expected = edgemm.draw(grey, Segmentation(classes.astype(np.uint8)))
    assert np.array_equal(edgemm.draw(grey, Segmentation(classes)), expected)


def test_classes_beyond_a_byte_have_their_own_colours(grey: Picture) -> None:
    classes = np.zeros((480, 640), np.uint16)
    classes[100:] = 65535
    drawn = edgemm.draw(grey, Segmentation(classes))
    assert np.abs(drawn[400, 400] - (np.array(color_of(65535)) + 100) / 2).max() <= 1


def test_the_legend_names_the_classes_that_are_there_the_largest_first(grey: Picture) -> None:
    classes = np.zeros((480, 640), np.uint8)
    classes[200:210], classes[300:400] = 1, 3
    drawn = edgemm.draw(grey, Segmentation(classes, ("background", "a", "b", "c")))
    rows = [tuple(each) for each in drawn[:150, 1].tolist()]
    assert list(dict.fromkeys(rows)) == [color_of(3), color_of(1), (100, 100, 100)]


@pytest.mark.parametrize(
    "size_wh", [(640, 481), (319, 240), (321, 240), (161, 120), (54, 40), (1000, 750), (3, 2), (1281, 961)]
)
def test_a_map_of_the_same_picture_is_scaled(grey: Picture, size_wh: tuple[int, int]) -> None:
    classes = np.ones(size_wh[::-1], np.uint8)
    below_the_legend = edgemm.draw(grey, Segmentation(classes))[100:]
    assert (below_the_legend == edgemm.draw(grey, Segmentation(np.ones((480, 640), np.uint8)))[100:]).all()


@pytest.mark.parametrize("size_wh", [(480, 640), (257, 257), (640, 360), (640, 470), (1, 480)])
def test_a_map_of_another_picture_is_not_stretched(grey: Picture, size_wh: tuple[int, int]) -> None:
    found = f"640x480.* found one of {size_wh[0]}x{size_wh[1]}"
    with pytest.raises(InputError, match=found):
        edgemm.draw(grey, Segmentation(np.ones(size_wh[::-1], np.uint8)))


def test_a_small_map_is_scaled_to_the_nearest_pixel(grey: Picture) -> None:
    small = np.zeros((2, 2), np.uint8)
    small[1, 1] = 1
    drawn = edgemm.draw(grey, Segmentation(small))
    touched = (drawn != 100).any(axis=2)
    assert touched[240:, 320:].all()
    assert not touched[240:, :320].any()


def landmarks(points: list[tuple[float, float]], scores: list[float], **more: object) -> Landmarks:
    return Landmarks(np.array(points, np.float32), np.array(scores, np.float32), **more)  # type: ignore[arg-type]


def test_points_and_the_lines_between_them(grey: Picture) -> None:
    drawn = edgemm.draw(
        grey, landmarks([(100.5, 200.5), (300.5, 200.5), (50, 50)], [1, 1, 1], skeleton=((0, 1),))
    )
    touched = (drawn != 100).any(axis=2)
    assert touched[200, 100:301].all()
    assert not touched[210:].any()
    assert (drawn[200, 100] == (255, 210, 40)).all()
    assert (drawn[200, 200] == (60, 215, 230)).all()
    assert (drawn[50, 50] == (255, 210, 40)).all()


def test_a_point_lies_in_the_pixel_that_covers_it(grey: Picture) -> None:
    """Coordinates are continuous: 200.9 is in the pixel from 200 to 201."""
    low, high = ([(100.1 + off, 200.1 + off), (300.1 + off, 200.1 + off)] for off in (0, 0.8))
    first, second = (edgemm.draw(grey, landmarks(each, [1, 1], skeleton=((0, 1),))) for each in (low, high))
    assert np.array_equal(first, second)
    rows = np.flatnonzero((first == (60, 215, 230)).all(axis=2).any(axis=1))
    assert 200 in rows


@pytest.mark.parametrize("score", [0.19, float("nan"), -1])
def test_a_point_that_is_not_sure_is_left_out_with_its_lines(grey: Picture, score: float) -> None:
    pair = landmarks([(100, 200), (300, 200)], [1, score], skeleton=((0, 1),))
    touched = (edgemm.draw(grey, pair) != 100).any(axis=2)
    assert touched[200, 100]
    assert not touched[:, 110:].any()


@pytest.mark.parametrize("skeleton", [((0, 7),), ((-1, 0),), ((0, 0),)])
def test_a_skeleton_that_names_no_point_does_no_harm(
    grey: Picture, skeleton: tuple[tuple[int, int], ...]
) -> None:
    alone = edgemm.draw(grey, landmarks([(100, 200)], [1]))
    assert np.array_equal(edgemm.draw(grey, landmarks([(100, 200)], [1], skeleton=skeleton)), alone)


def test_a_line_to_a_point_outside_keeps_its_direction(grey: Picture) -> None:
    drawn = edgemm.draw(grey, landmarks([(0, 0), (64_000, 48_000)], [1, 1], skeleton=((0, 1),)))
    assert (drawn[240, 320] == (60, 215, 230)).all()


def test_many_points_are_drawn_small(grey: Picture) -> None:
    few, many = (landmarks([(320, 240)] * number, [1] * number) for number in (99, 100))
    areas = [int((edgemm.draw(grey, each) != 100).any(axis=2).sum()) for each in (few, many)]
    assert areas[1] < areas[0] / 3


def test_tags_and_speech_are_written_below(grey: Picture) -> None:
    tags = Tags(("bark",), np.array([0.8], np.float32))
    for result in (tags, Segments((Segment(0.0, 1.0, 0.9),))):
        touched = (edgemm.draw(grey, result) != 100).any(axis=2)
        assert touched[-5:].any()
        assert not touched[:240].any()
    assert np.array_equal(edgemm.draw(grey, Segments(())), edgemm.draw(grey, Transcript("")))
