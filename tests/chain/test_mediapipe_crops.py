"""The crops of MediaPipe's graphs, against its formulas written out with complex numbers: x + iy, y downwards."""

from __future__ import annotations

import cmath
import math
import re
from typing import Any

import numpy as np
import pytest

from edgemm.chain.crop import Crop
from edgemm.chain.mediapipe import bodies, faces, followed, hands, require_points
from edgemm.chain.smooth import Smooth
from edgemm.errors import InputError
from edgemm.results import Detections, Landmarks

pytestmark = pytest.mark.device
RNG = np.random.default_rng(5)


def detection(points: int) -> Detections:
    left, top = RNG.uniform(0, 300, 2)
    box = np.array([[left, top, left + 120, top + 90]], np.float32)
    return Detections(
        box,
        np.array([0.9], np.float32),
        np.zeros(1, np.int64),
        ("it",),
        RNG.uniform(100, 300, (1, points, 2)).astype(np.float32),
    )


def landmarks(points: int) -> Landmarks:
    return Landmarks(RNG.uniform(100, 300, (points, 2)).astype(np.float32), np.ones(points, np.float32))


def complexes(points: Any) -> list[complex]:
    return [complex(x, y) for x, y in np.asarray(points, np.float64).tolist()]


def turned(a: complex, b: complex, toward: float) -> float:
    """Radians from the target's direction to that of the line, -pi to pi."""
    return cmath.phase(cmath.rect(1, math.radians(toward)) / (b - a).conjugate())


def middle_and_sides(points: list[complex]) -> tuple[complex, float, float]:
    x, y = [each.real for each in points], [each.imag for each in points]
    return (
        complex(max(x) + min(x), max(y) + min(y)) / 2,
        max(x) - min(x),
        max(y) - min(y),
    )


def assert_is(crop: Crop, result: Any, middle: complex, side: float, angle: float) -> None:
    (part,), _ = crop.parts(result)
    assert part.region.center_xy == pytest.approx((middle.real, middle.imag), abs=1e-3)
    assert part.region.size_wh == pytest.approx((side, side), rel=1e-5)
    assert cmath.rect(1, part.region.angle) == pytest.approx(cmath.rect(1, angle), abs=1e-5)


@pytest.mark.parametrize("_", range(5))
def test_a_face(_: int) -> None:
    crop, track = faces()
    found = detection(6)
    eyes, corners = complexes(found.points_xy[0]), complexes(found.boxes_xyxy.reshape(2, 2))
    assert_is(crop, found, sum(corners) / 2, 1.5 * 120, turned(eyes[0], eyes[1], 0))
    marks = landmarks(468)
    points = complexes(marks.points_xy)
    middle, wide, high = middle_and_sides(points)
    assert_is(track.next, marks, middle, 1.5 * max(wide, high), turned(points[33], points[263], 0))


@pytest.mark.parametrize("_", range(5))
def test_a_body(_: int) -> None:
    """A circle: its middle, and a point on it that is above."""
    crop, track = bodies()
    found, marks = detection(4), landmarks(39)
    for part, result, (a, b) in (
        (crop, found, complexes(found.points_xy[0, :2])),
        (track.next, marks, complexes(marks.points_xy[33:35])),
    ):
        assert_is(part, result, a, 2.5 * abs(b - a), turned(a, b, 90))


@pytest.mark.parametrize("_", range(5))
def test_a_hand(_: int) -> None:
    """The palm is shifted by half of its height to the fingers; the next crop by a tenth."""
    crop, track = hands()
    found = detection(7)
    points, corners = complexes(found.points_xy[0]), complexes(found.boxes_xyxy.reshape(2, 2))
    angle = turned(points[0], points[2], 90)
    middle = sum(corners) / 2 + cmath.rect(1, angle) * -0.5j * 90
    assert_is(crop, found, middle, 2.6 * 120, angle)
    marks = landmarks(21)
    points = complexes(marks.points_xy)
    knuckles = ((points[5] + points[13]) / 2 + points[9]) / 2
    angle = turned(points[0], knuckles, 90)
    back = cmath.rect(1, angle)
    steady = [points[at] for each in (range(4), (5, 6), (9, 10), (13, 14), (17, 18)) for at in each]
    center, wide, high = middle_and_sides([each / back for each in steady])
    assert_is(track.next, marks, (center - 0.1j * high) * back, 2 * max(wide, high), angle)


def test_only_the_circle_of_a_body_is_smoothed() -> None:
    """As pose_landmark_filtering does it, also where its landmarks are not."""
    assert bodies()[1].smooth == Smooth(min_cutoff_hz=0.01, beta=10.0, derivate_cutoff_hz=1.0, relative=True)
    assert faces()[1].smooth is None
    assert hands()[1].smooth is None


def test_how_many_and_how_often() -> None:
    for made in (faces, bodies, hands):
        crop, track = made(3, every_s=0.7)
        assert (crop.at_most, track.every_s) == (3, 0.7)
        assert made()[1].every_s == 0


def test_a_word_stands_for_the_rules() -> None:
    assert followed("faces") == faces()
    assert followed("bodies?every_s=0.5") == bodies(every_s=0.5)
    assert followed("hands?at_most=1&every_s=2") == hands(1, every_s=2.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("face", "follow: expected one of faces, bodies, hands; found 'face'. Did you mean 'faces'?"),
        (
            "hands?atmost=1",
            "follow: 'atmost' is not known. Expected at_most, every_s. Did you mean 'at_most'?",
        ),
        ("hands?at_most=many", "follow: expected a number for at_most, found 'many'"),
        ("hands?at_most=", "follow: expected a number for at_most, found ''"),
        ("hands?at_most=0", "Crop.at_most: expected"),
        ("hands?every_s=nan", "Track.every_s: expected 0 to"),
        ("", "follow: expected one of"),
    ],
)
def test_other_words_are_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        followed(text)


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("faces", 468),
        ("faces?at_most=2", 478),
        ("bodies", 39),
        ("bodies", 35),
        ("hands", 21),
        ("hands", None),
    ],
)
def test_rules_are_for_the_points_of_their_networks(word: str, count: int | None) -> None:
    require_points(word, count)


@pytest.mark.parametrize(
    ("word", "count", "said"),
    [
        ("hands", 468, "follow: 'hands' is for a network of 21 points, found one of 468. Say what is cut out with crop "
         "and track instead, or take 'faces'"),
        ("faces?at_most=2", 6, "follow: 'faces' is for a network of 468 or 478 points, found one of 6. Say what is cut "
         "out with crop and track instead"),
    ],
)  # fmt: skip
def test_rules_for_the_points_of_another_network_are_refused(word: str, count: int, said: str) -> None:
    with pytest.raises(InputError) as error:
        require_points(word, count)
    assert str(error.value) == said
