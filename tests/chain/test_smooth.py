"""The One Euro filter, against the paper's algorithm written out for one number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import edgemm
from edgemm.chain.smooth import OneEuro
from edgemm.errors import InputError
from edgemm.results import Classification, Landmarks

pytestmark = pytest.mark.device


class ByHand:
    """One number: algorithm 1 of the paper, the speed taken from raw values."""

    def __init__(self, min_cutoff: float, beta: float, d_cutoff: float) -> None:
        self.settings = min_cutoff, beta, d_cutoff
        self.last: tuple[float, float, float, float] | None = None  # time, raw, value, speed

    def __call__(self, x: float, t: float, scale: float) -> float:
        min_cutoff, beta, d_cutoff = self.settings
        if self.last is None:
            self.last = t, x, x, 0.0
            return x
        t0, raw, value, speed = self.last
        rate = 1.0 / (t - t0)

        def alpha(cutoff: float) -> float:
            tau = 1.0 / (2.0 * math.pi * cutoff)
            return 1.0 / (1.0 + tau * rate)

        dx = (x - raw) * rate * scale
        speed = alpha(d_cutoff) * dx + (1 - alpha(d_cutoff)) * speed
        a = alpha(min_cutoff + beta * abs(speed))
        value = a * x + (1 - a) * value
        self.last = t, x, value, speed
        return value


@pytest.mark.parametrize("settings", [(0.05, 80.0, 1.0), (1.0, 0.0, 1.0), (0.01, 10.0, 1.0), (5.0, 0.3, 2.0)])
def test_as_the_paper_has_it(settings: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(0.005, 0.2, 60))
    values = np.cumsum(rng.normal(0, 3, (60, 4)), axis=0)
    smooth, by_hand = OneEuro(edgemm.Smooth(*settings)), [ByHand(*settings) for _ in range(4)]
    for t, row in zip(times, values, strict=True):
        at_ns = round(t * 1e9)
        found = smooth(row, at_ns, 1 / 40)
        expected = [each(x, at_ns / 1e9, 1 / 40) for each, x in zip(by_hand, row.tolist(), strict=True)]
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def landmarks(points: Any, depths: Any = None) -> Landmarks:
    xy = np.array(points, np.float32)
    return Landmarks(xy, np.ones(len(xy), np.float32), 0.7, ("a", "b"), depths=depths)


def test_a_frame_of_the_same_time_changes_nothing() -> None:
    keep = edgemm.Smooth().begin()
    first = keep(landmarks([(0, 0), (5, 5)]), 1000, 10.0)
    again = keep(landmarks([(9, 9), (50, 50)]), 1000, 10.0)
    assert (again.points_xy == first.points_xy).all()
    later = keep(landmarks([(1, 0), (5, 5)]), 2_000_000_000, 10.0)
    assert later.points_xy[0, 0] > 0


def test_near_and_far_things_are_smoothed_alike() -> None:
    rng = np.random.default_rng(2)
    steps = np.cumsum(rng.normal(0, 1, (30, 2, 2)), axis=0)
    found = {}
    for size in (1.0, 8.0):
        keep = edgemm.Smooth().begin()
        found[size] = [
            keep(landmarks(each * size), at * 33_000_000, 20.0 * size).points_xy / size
            for at, each in enumerate(steps)
        ]
    assert np.allclose(found[1.0], found[8.0], atol=1e-4)
    keep = edgemm.Smooth(relative=False).begin()
    pixels = [keep(landmarks(each), at * 33_000_000, 20.0).points_xy for at, each in enumerate(steps)]
    assert not np.allclose(found[1.0], pixels, atol=1e-2)


def test_what_is_beside_the_points_stays_and_depths_are_smoothed_too() -> None:
    keep = edgemm.Smooth(0.5, 0.0).begin()
    keep(landmarks([(0, 0), (5, 5)], np.zeros(2, np.float32)), 0, 10.0)
    found = keep(landmarks([(10, 0), (5, 5)], np.full(2, 10, np.float32)), 33_000_000, 10.0)
    assert (found.score, found.names) == (0.7, ("a", "b"))
    assert found.points_xy.dtype == np.float32
    assert found.depths is not None
    assert found.depths[0] == pytest.approx(float(found.points_xy[0, 0]))
    assert 0 < found.depths[0] < 2
    nothing = landmarks(np.zeros((0, 2)))
    assert keep(nothing, 66_000_000, 10.0) is nothing


def test_only_points_are_smoothed() -> None:
    said = Classification(("a",), np.ones(1, np.float32), np.zeros(1, np.int64))
    with pytest.raises(
        InputError, match=r"smooth: expected a stage that gives points \(Landmarks\), found Classif"
    ):
        edgemm.Smooth().begin()(said, 0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"min_cutoff_hz": 0}, "Smooth.min_cutoff_hz: expected 1e-06 to 1e"),
        ({"beta": -1}, "Smooth.beta: expected 0 to"),
        ({"beta": "fast"}, "Smooth.beta: expected 0 to"),
        ({"derivate_cutoff_hz": math.inf}, "Smooth.derivate_cutoff_hz: expected"),
        ({"relative": 1}, "Smooth.relative: expected True or False"),
    ],
)
def test_settings_out_of_range_are_said(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        edgemm.Smooth(**arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"next": "box"}, "Track.next: expected a Crop, found str"),
        ({"next": edgemm.Crop(at_most=2)}, "Track.next: expected a crop of one thing"),
        ({"every_s": -1}, "Track.every_s: expected 0 to"),
        ({"lost_below": 1.5}, "Track.lost_below: expected 0 to 1"),
        ({"overlap": None}, "Track.overlap: expected 0 to 1, found None"),
        ({"gap_s": 0}, "Track.gap_s: expected 0.001"),
        ({"smooth": 0.5}, "Track.smooth: expected a Smooth, found float"),
    ],
)
def test_tracking_out_of_range_is_said(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        edgemm.Track(**{"next": edgemm.Crop(), **arguments})
