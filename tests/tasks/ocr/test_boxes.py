"""Maps of text that are drawn by hand, to boxes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from needs import needs

from edgemm.opencv import opencv
from edgemm.tasks.ocr.boxes import Box, find_boxes
from edgemm.tasks.ocr.order import reading_order
from edgemm.tasks.ocr.recipe import OcrRecipe

needs(opencv)

PLAIN = OcrRecipe(unclip=0.0, ends=0.0)


def map_of(box: Box, level: float = 0.9, shape: tuple[int, int] = (200, 300)) -> Any:
    drawn = np.zeros(shape, np.float32)
    opencv().fillPoly(drawn, [np.rint(box.quad * 16 - 8).astype(np.int32)], level, shift=4)
    return drawn


def line(center: tuple[float, float], angle: float = 0.0, size: tuple[float, float] = (80, 12)) -> Box:
    return Box(center, size, angle, 1.0)


@pytest.mark.parametrize("degrees", [0, 10, 44, 46, 90, 130])
def test_a_rotated_rectangle_is_found_with_its_direction(degrees: float) -> None:
    box = line((150, 100), math.radians(degrees))
    (found,) = find_boxes(map_of(box), PLAIN)
    assert found.center_xy == pytest.approx(box.center_xy, abs=1)
    assert found.size_wh == pytest.approx(box.size_wh, abs=2.5)
    assert math.degrees(found.angle) == pytest.approx(degrees, abs=1.5)


@pytest.mark.parametrize("degrees", [-40, 140, -170])
def test_directions_to_the_left_and_upward_are_turned(degrees: float) -> None:
    (found,) = find_boxes(map_of(line((150, 100), math.radians(degrees))), PLAIN)
    assert -45 < math.degrees(found.angle) <= 135


def test_a_box_that_is_hardly_taller_than_wide_is_not_turned() -> None:
    drawn = np.zeros((60, 60), np.float32)
    drawn[10:38, 20:40] = 1  # 28 high, 20 wide
    assert find_boxes(drawn, PLAIN)[0].angle == pytest.approx(0, abs=1e-6)
    drawn[10:42, 20:40] = 1  # 32 high
    assert find_boxes(drawn, PLAIN)[0].angle == pytest.approx(math.pi / 2, abs=1e-6)


def test_each_side_moves_outward_by_area_over_perimeter() -> None:
    drawn = np.zeros((100, 200), np.float32)
    drawn[40:50, 50:130] = 1  # 80 x 10
    (found,) = find_boxes(drawn, replace(PLAIN, unclip=1.5))
    away = 80 * 10 * 1.5 / (2 * (80 + 10))
    assert found.size_wh == pytest.approx((80 + 2 * away, 10 + 2 * away), abs=1e-4)
    assert found.center_xy == pytest.approx((90, 45), abs=1e-4)


def test_ends_are_a_share_of_the_height() -> None:
    drawn = np.zeros((100, 200), np.float32)
    drawn[40:50, 50:130] = 1
    (found,) = find_boxes(drawn, replace(PLAIN, ends=0.2))
    assert found.size_wh == pytest.approx((84, 10), abs=1e-4)


def test_a_weak_box_is_left_out() -> None:
    drawn = map_of(line((150, 100)), 0.45)
    assert find_boxes(drawn, PLAIN) == []
    (found,) = find_boxes(drawn, replace(PLAIN, box_score=0.4))
    assert found.score == pytest.approx(0.45, abs=0.02)


def test_a_pixel_at_the_threshold_is_no_text() -> None:
    drawn = np.full((40, 80), 0.0, np.float32)
    drawn[10:20, 10:70] = 0.5
    assert find_boxes(drawn, replace(PLAIN, threshold=0.5)) == []
    assert len(find_boxes(drawn, replace(PLAIN, threshold=0.49))) == 1


def test_what_is_too_low_is_left_out() -> None:
    drawn = np.zeros((40, 80), np.float32)
    drawn[10:12, 10:70] = 1
    assert find_boxes(drawn, PLAIN) == []
    drawn[10:13, 10:70] = 1
    assert len(find_boxes(drawn, PLAIN)) == 1


def test_a_line_within_a_frame_is_found_and_the_hole_is_none() -> None:
    drawn = np.zeros((100, 200), np.float32)
    opencv().rectangle(drawn, (10, 10), (190, 90), 1, 3)
    drawn[45:55, 50:150] = 1
    found = find_boxes(drawn, replace(PLAIN, box_score=0.6))
    assert [each.size_wh for each in found] == [pytest.approx((100, 10), abs=1e-4)]


def test_a_box_in_another_scale_keeps_its_corners() -> None:
    box = line((30, 20), 0.4)
    twice = box.moved(np.array([[2.0, 0, 5], [0, 2.0, -3]]))
    assert twice.quad == pytest.approx(box.quad * 2 + (5, -3))


def test_the_order_of_a_slanted_page() -> None:
    angle = math.radians(-20)
    boxes = [
        line((100 + 60 * x * math.cos(angle) - y * 30 * math.sin(angle),
              100 + 60 * x * math.sin(angle) + y * 30 * math.cos(angle)), angle, (50, 20))
        for y in range(3) for x in range(2)
    ]  # fmt: skip
    shuffled = [4, 1, 5, 0, 3, 2]
    rows = reading_order([boxes[at] for at in shuffled])
    assert [[shuffled[at] for at in row] for row in rows] == [[0, 1], [2, 3], [4, 5]]


def test_lines_that_overlap_less_than_half_are_two_rows() -> None:
    assert reading_order([line((50, 50)), line((200, 55.9))]) == [[0, 1]]
    assert reading_order([line((200, 50)), line((50, 56.1))]) == [[0], [1]]


def test_no_boxes_have_no_order() -> None:
    assert reading_order([]) == []
