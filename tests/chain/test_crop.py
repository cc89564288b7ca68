"""From what was found to the part of the frame: measured, turned, shifted, squared, enlarged."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import edgemm
from edgemm.affine import transform
from edgemm.chain.crop import Part
from edgemm.chain.found import Sighting
from edgemm.errors import InputError
from edgemm.results import Classification, Detections, Landmarks, TextLines

pytestmark = pytest.mark.device

BOX = (10.0, 20.0, 50.0, 40.0)
POINTS = np.array([(12, 22), (40, 30), (20, 38), (47, 21)], np.float32)
TENSOR_WH = (100, 80)


def part_of(crop: edgemm.Crop, points: np.ndarray = POINTS) -> Part:
    part = crop.part(Sighting(BOX, points, 0.9, "cat"))
    assert part is not None
    return part


def in_tensor(crop: edgemm.Crop, points: np.ndarray) -> np.ndarray:
    """Where points of the source lie in what the model sees."""
    return transform(part_of(crop, points).region.view(TENSOR_WH).to_tensor, points.astype(np.float64))


def random_points(seed: int, count: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 300, (count, 2))


@pytest.mark.parametrize(
    ("crop", "center", "size"),
    [
        (edgemm.Crop(), (30, 30), (40, 20)),
        (edgemm.Crop(margin=1.5), (30, 30), (60, 30)),
        (edgemm.Crop(square=True, margin=1.5), (30, 30), (60, 60)),
        (edgemm.Crop(shift=(0.5, -1.0), square=True, margin=3.0), (50, 10), (120, 120)),
        (edgemm.Crop("points"), (29.5, 29.5), (35, 17)),
        (edgemm.Crop("points", of=(1, 2), margin=2.0), (30, 34), (40, 16)),
        (edgemm.Crop("circle", of=(1, 3), margin=1.25), (40, 30), (2.5 * math.hypot(7, 9),) * 2),
    ],
)
def test_measured_shifted_squared_enlarged(
    crop: edgemm.Crop, center: tuple[float, float], size: tuple[float, float]
) -> None:
    region = part_of(crop).region
    assert region.center_xy == pytest.approx(center)
    assert region.size_wh == pytest.approx(size)
    assert region.angle == 0
    assert part_of(crop).side == pytest.approx(sum(size) / 2 / crop.margin)


@pytest.mark.parametrize("toward", [0.0, 90.0, -45.0, 180.0, 270.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_line_points_where_it_shall(toward: float, seed: int) -> None:
    points = random_points(seed)
    crop = edgemm.Crop("points", turn=(0, 4), toward=toward)
    a, b = (
        in_tensor(crop, points)[[0, 4]] * part_of(crop, points).region.size_wh / TENSOR_WH
    )  # undo the stretch
    assert (
        math.atan2(a[1] - b[1], b[0] - a[0])
        == pytest.approx(math.remainder(math.radians(toward), 2 * math.pi), abs=1e-6)
        or abs(toward) == 180
    )
    assert -math.pi <= part_of(crop, points).region.angle < math.pi


def test_an_angle_is_clockwise_as_the_picture_is_seen() -> None:
    """Eyes of a head that leans to the right: the right one of the picture is lower."""
    region = part_of(edgemm.Crop(turn=(0, 1)), np.array([(10.0, 10.0), (20.0, 20.0)])).region
    assert region.angle == pytest.approx(math.pi / 4)
    upright = part_of(edgemm.Crop(turn=(0, 1), toward=90), np.array([(10.0, 20.0), (10.0, 5.0)])).region
    assert upright.angle == pytest.approx(0)


@pytest.mark.parametrize("seed", range(6))
def test_a_turned_box_touches_its_points_on_all_sides(seed: int) -> None:
    points = random_points(seed)
    seen = in_tensor(edgemm.Crop("points", turn=(1, 2), turned=True), points)
    assert seen.min(axis=0) == pytest.approx((0, 0), abs=1e-6)
    assert seen.max(axis=0) == pytest.approx(TENSOR_WH, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_a_shift_is_along_the_turned_axes_in_sizes_of_the_box(seed: int) -> None:
    points = random_points(seed)
    plain = part_of(edgemm.Crop("points", turn=(0, 1)), points).region.view(TENSOR_WH)
    moved = part_of(edgemm.Crop("points", turn=(0, 1), shift=(0.25, -0.5), margin=2.0), points).region
    at = transform(plain.to_tensor, np.array(moved.center_xy))
    assert at == pytest.approx((50 + 25, 40 - 40))


def test_a_mean_counts_a_point_as_often_as_it_is_named() -> None:
    points = np.array([(0.0, 0.0), (10.0, 0.0), (10.0, 40.0)])
    region = part_of(edgemm.Crop("points", turn=(0, (1, 1, 1, 2))), points).region
    assert region.angle == pytest.approx(math.atan2(10, 10))


def test_best_first_whatever_their_order() -> None:
    boxes = np.array([(0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10)], np.float32)
    found = Detections(boxes, np.array([0.5, 0.9, 0.7], np.float32), np.arange(3), ("a", "b", "c"))
    parts, left_out = edgemm.Crop(at_most=2).parts(found)
    assert ([each.sighting.label for each in parts], left_out) == (["b", "c"], 1)
    parts, left_out = edgemm.Crop(at_most=2).parts(found, [(20.0, 0.0, 30.0, 12.0)], 0.5)
    assert ([each.sighting.label for each in parts], left_out) == (["c"], 2)
    parts, _ = edgemm.Crop().parts(found, [(20.0, 0.0, 30.0, 22.0)], 0.5)
    assert [each.sighting.label for each in parts] == ["b", "c", "a"], "10/22 is no half"


@pytest.mark.parametrize(
    "box",
    [
        (5, 5, 5, 9),
        (0, 0, math.nan, 4),
        (0, 0, math.inf, 4),
        (9, 0, 3, 4),
        (0, 0, 3e6, 4),
        (5e6, 0, 5.1e6, 4),
    ],
)
def test_what_is_nowhere_is_left_out(box: tuple[float, ...]) -> None:
    found = Detections(np.array([box], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64), ("a",))
    assert edgemm.Crop().parts(found) == ([], 1)


def test_landmarks_are_one_thing_or_none() -> None:
    there = Landmarks(POINTS, np.ones(4, np.float32), 0.8)
    ((part,), left_out) = edgemm.Crop().parts(there)
    assert part.region.size_wh == pytest.approx((35, 17))
    assert (part.sighting.score, left_out) == (0.8, 0)
    assert edgemm.Crop().parts(Landmarks(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), 0.1)) == (
        [],
        0,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"by": "boks"}, "Crop.by: expected one of box, points, circle; found 'boks'"),
        ({"margin": 0}, "Crop.margin: expected 0.01 to 100, found 0"),
        ({"margin": True}, "Crop.margin: expected 0.01"),
        ({"margin": math.nan}, "Crop.margin: expected 0.01"),
        ({"at_most": 0}, "Crop.at_most: expected 1 to 1000, found 0"),
        ({"at_most": 1.5}, "Crop.at_most: expected a whole number, found 1.5"),
        ({"min_score": 2}, "Crop.min_score: expected 0 to 1"),
        ({"toward": 361}, "Crop.toward: expected -360 to 360"),
        ({"shift": (1,)}, "Crop.shift: expected two numbers"),
        ({"shift": ("a", 1)}, "Crop.shift: expected -100 to 100"),
        ({"square": 1}, "Crop.square: expected True or False"),
        ({"turn": (1,)}, "Crop.turn: expected two key points"),
        ({"turn": 3}, "Crop.turn: expected two key points"),
        ({"turn": (0, -1)}, "Crop.turn: expected numbers of key points from 0"),
        ({"turn": (0, ())}, "Crop.turn: expected numbers of key points from 0"),
        ({"of": (1,)}, 'Crop.of: expected by="points" or by="circle"'),
        ({"by": "points", "of": "ab"}, "Crop.of: expected numbers of key points"),
        ({"by": "circle"}, "Crop.of: expected the two key points of a circle"),
        ({"turned": True}, 'Crop.turned: expected by="points" and turn'),
        ({"by": "points", "turned": True}, 'Crop.turned: expected by="points" and turn'),
        ({"classes": "face"}, r"Crop.classes: expected labels, such as \('face',\)"),
    ],
)
def test_what_does_not_fit_is_said(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        edgemm.Crop(**arguments)


@pytest.mark.parametrize(
    ("crop", "said"),
    [
        (edgemm.Crop("points", of=(0, 9)), r"expected key points up to 9 \(from 0\), found 4"),
        (edgemm.Crop(turn=(0, (1, 7))), r"expected key points up to 7 \(from 0\), found 4"),
    ],
)
def test_key_points_that_are_not_there_are_said(crop: edgemm.Crop, said: str) -> None:
    with pytest.raises(InputError, match=said):
        part_of(crop)


def test_a_box_alone_has_no_key_points() -> None:
    found = Detections(np.array([BOX], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64))
    assert len(edgemm.Crop().parts(found)[0]) == 1
    with pytest.raises(InputError, match=r'expected key points, found none in the result\. Take by="box"'):
        edgemm.Crop("points").parts(found)


def test_lines_of_text_have_their_corners_as_points() -> None:
    """A line that climbs by 45 degrees, 20 long and 4 high, lies upright in what the next model sees."""
    quad = np.array([(0, 20), (14.142, 5.858), (16.971, 8.686), (2.828, 22.828)], np.float32)
    found = TextLines(("AB 12",), np.array([0.8], np.float32), quad[None], (1,))
    ((part,), _) = edgemm.Crop("points", turn=(0, 1), turned=True).parts(found)
    assert part.sighting.label == "AB 12"
    assert part.region.size_wh == pytest.approx((20, 4), abs=0.01)
    assert part.region.angle == pytest.approx(-math.pi / 4, abs=1e-3)
    assert part.region.corners_xy == pytest.approx(quad, abs=0.01)
    ((upright,), _) = edgemm.Crop().parts(found)
    assert upright.region.size_wh == pytest.approx((16.971, 16.97), abs=0.01)


def test_a_result_without_places_is_refused() -> None:
    said = Classification(("a",), np.ones(1, np.float32), np.zeros(1, np.int64))
    with pytest.raises(
        InputError, match=r"with places in front of it \(Detections, Landmarks, TextLines\), found Classif"
    ):
        edgemm.Crop().parts(said)
