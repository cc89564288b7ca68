"""Boxes, labels and key points, where they are and where they are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

import edgemm
from edgemm.drawing.palette import color_of
from edgemm.opencv import opencv
from edgemm.results import Detections

pytestmark = pytest.mark.device
needs(opencv)

Boxes = Callable[..., Detections]
Picture = npt.NDArray[np.uint8]


def touched(drawn: Picture) -> npt.NDArray[np.bool_]:
    return np.asarray((drawn != 100).any(axis=2))


def extent(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def test_a_box_is_drawn_along_the_inside_of_its_edges(grey: Picture, boxes: Boxes) -> None:
    drawn = edgemm.draw(grey, boxes((100, 200, 300, 400)))
    mask = (drawn == color_of(0)).all(axis=2)
    mask[:200] = False  # its label
    assert extent(mask) == (100, 200, 300, 400)
    assert not touched(drawn)[202:398, 102:298].any()  # two pixels wide at this size
    assert mask[200:202, 100:300].all()
    assert mask[398:400, 100:300].all()
    assert mask[200:400, 100:102].all()
    assert mask[200:400, 298:300].all()


def test_sides_outside_the_picture_are_not_drawn(grey: Picture, boxes: Boxes) -> None:
    mask = touched(edgemm.draw(grey, boxes((-50, 200, 1e30, 300))))
    assert mask[300:].any() == 0
    assert not mask[204:296, 0:2].any()
    assert not mask[204:296, -2:].any()
    assert mask[200:202].all()
    assert mask[298:300].all()


@pytest.mark.parametrize("side", range(4))
def test_a_side_just_outside_is_not_drawn_and_the_others_are(grey: Picture, side: int, boxes: Boxes) -> None:
    edges = [0.0, 0.0, 640.0, 480.0]
    edges[side] += -5 if side < 2 else 5
    mask = touched(edgemm.draw(grey, boxes(tuple(edges), labels=("",))))
    lines = mask[200:300, 1], mask[1, 200:400], mask[200:300, 638], mask[478, 200:400]
    assert [bool(line.all()) for line in lines] == [at != side for at in range(4)]
    assert not lines[side].any()


@pytest.mark.parametrize(
    "box",
    [
        (float("nan"), 0, 10, 10),
        (0, 0, 10, float("nan")),
        (-20, -20, -10, -10),
        (700, 0, 800, 10),
        (0, 480, 10, 500),
        (50, 50, 40, 60),
        (50, 50, 60, 40),
        (float("inf"), 0, float("inf"), 10),
    ],
)
def test_a_box_without_a_place_is_left_out_with_its_label_and_points(
    grey: Picture, box: tuple[float, ...], boxes: Boxes
) -> None:
    alone = boxes(box, (100, 100, 200, 200))
    points = np.full((2, 1, 2), 300, np.float32)
    points[1] = 150
    result = Detections(alone.boxes_xyxy, alone.scores, alone.class_ids, ("a", "b"), points)
    mask = touched(edgemm.draw(grey, result))
    assert not mask[250:, 250:].any()
    assert extent(mask)[2:] == (200, 200)


@pytest.mark.parametrize("box", [(-1e38, -1e38, 1e38, 1e38), (float("-inf"), 3, 4, float("inf"))])
def test_numbers_beyond_all_bounds_do_no_harm(grey: Picture, box: tuple[float, ...], boxes: Boxes) -> None:
    result = boxes(box)
    far = np.array([[[1e38, 1], [float("nan"), 2], [float("-inf"), 0], [2e6, 2e6]]], np.float32)
    for points in (far, np.zeros((0, 0, 2), np.float32)):
        edgemm.draw(grey, Detections(result.boxes_xyxy, result.scores, result.class_ids, ("x",), points))


def test_a_box_without_size_is_one_pixel(grey: Picture, boxes: Boxes) -> None:
    mask = (edgemm.draw(grey, boxes((320, 240, 320, 240))) == color_of(0)).all(axis=2)
    assert mask[240, 320]
    assert not mask[241:].any()


def test_key_points_have_the_colour_of_their_box(grey: Picture) -> None:
    points = np.array([[[250, 260]]], np.float32)
    result = Detections(
        np.array([[200, 200, 400, 400]], np.float32), np.ones(1, np.float32), np.array([4]), (), points
    )
    drawn = edgemm.draw(grey, result)
    assert (drawn[260, 250] == color_of(4)).all()
    inside = touched(drawn)[210:390, 210:390]
    assert extent(inside) == (37, 47, 44, 54)  # 3 pixels to each side at this size


def test_the_best_box_lies_on_top(grey: Picture, boxes: Boxes) -> None:
    drawn = edgemm.draw(grey, boxes((100, 100, 300, 300), (100, 100, 300, 300)))
    assert (drawn[299, 200] == color_of(0)).all()


def test_labels_lie_on_top_of_all_boxes(grey: Picture, boxes: Boxes) -> None:
    """The second box's left side crosses the first one's label."""
    alone = edgemm.draw(grey, boxes((100, 100, 300, 300), labels=("wide label",)))
    both = edgemm.draw(grey, boxes((100, 100, 300, 300), (120, 60, 400, 470), labels=("wide label", "")))
    assert np.array_equal(alone[84:98, 104:160], both[84:98, 104:160])


@pytest.mark.parametrize(
    "box",
    [
        (0, 0, 640, 480),
        (600, 0, 640, 30),
        (630, 470, 640, 480),
        (0, 470, 10, 480),
        (-1000, 100, 3, 200),
        (-9, -9, 9, 9),
    ],
)
@pytest.mark.parametrize("label", ["cat", "m" * 30, "m" * 500])
def test_a_label_never_leaves_the_picture(
    grey: Picture, box: tuple[float, ...], label: str, boxes: Boxes
) -> None:
    """All of it is found again, as it is drawn where there is room."""
    free = edgemm.draw(grey, boxes((0, 200, 1, 300), labels=(label,)))[:200]
    left, top, right, bottom = extent(touched(free))
    drawn = edgemm.draw(grey, boxes(box, labels=(label,)))
    label_alone = free[top:bottom, left:right]
    differs = opencv().matchTemplate(drawn, label_alone, opencv().TM_SQDIFF)
    row, column = np.unravel_index(np.argmin(differs), differs.shape)
    place = drawn[row : row + bottom - top, column : column + right - left]
    assert np.array_equal(place, label_alone)


def test_a_long_label_is_shortened_and_a_short_one_is_not(grey: Picture, boxes: Boxes) -> None:
    ends = [
        edgemm.draw(grey, boxes((10, 100, 300, 300), labels=(label,)))[70:100]
        for label in ("m" * 200, "m" * 201 + "x", "mm")
    ]
    assert np.array_equal(ends[0], ends[1])
    assert extent(touched(ends[0]))[2] > 600 > extent(touched(ends[2]))[2]


def test_a_label_stands_above_its_box_and_inside_where_there_is_no_room(grey: Picture, boxes: Boxes) -> None:
    above = touched(edgemm.draw(grey, boxes((100, 200, 300, 400), labels=("x",))))
    assert extent(above)[1] < 190
    inside = touched(edgemm.draw(grey, boxes((100, 3, 300, 400), labels=("x",))))
    assert extent(inside)[1] == 3


def test_without_labels_the_number_of_the_class_is_written(grey: Picture) -> None:
    box, score, ids = np.array([[100, 100, 200, 200]], np.float32), np.ones(1, np.float32), np.array([7])
    assert np.array_equal(
        edgemm.draw(grey, Detections(box, score, ids)), edgemm.draw(grey, Detections(box, score, ids, ("7",)))
    )
    assert not np.array_equal(
        edgemm.draw(grey, Detections(box, score, ids)), edgemm.draw(grey, Detections(box, score, ids, ("8",)))
    )


def test_on_a_picture_too_small_for_text_there_are_boxes_alone(boxes: Boxes) -> None:
    small = np.full((16, 16, 3), 100, np.uint8)
    drawn = edgemm.draw(small, boxes((2, 2, 9, 9), labels=("person",)))
    mask = touched(drawn)
    assert extent(mask) == (2, 2, 9, 9)
    assert not mask[3:8, 3:8].any()  # one pixel wide


@pytest.mark.parametrize(("height", "wide"), [(240, 1), (480, 2), (720, 3), (2160, 9)])
def test_lines_follow_the_size_of_the_picture(height: int, wide: int, boxes: Boxes) -> None:
    picture = np.full((height, height * 4 // 3, 3), 100, np.uint8)
    mask = touched(edgemm.draw(picture, boxes((20, 20, height - 20, height - 20))))
    assert mask[height - 20 - wide : height - 20, 60].all()
    assert not mask[height - 21 - wide, 60]
