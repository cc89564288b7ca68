"""Which picture is shown when, held against the times themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemm.sinks.grid import SKIP, TimeGrid

pytestmark = pytest.mark.device
SECOND = 1_000_000_000


def shown(times_ns: list[int], fps: float) -> tuple[list[int], TimeGrid]:
    """For each place of the film, the index of the picture that it shows."""
    places: list[int] = []
    grid = TimeGrid(fps)
    for at, moment_ns in enumerate(times_ns):
        repeats = grid.place(moment_ns)
        if repeats != SKIP:
            places += places[-1:] * repeats + [at]
    return places, grid


@given(
    gaps_ms=st.lists(st.floats(0, 2000), max_size=60),
    fps=st.sampled_from([1, 12.5, 24, 25, 29.97, 30, 60]),
    start_ns=st.integers(0, 1 << 61),
)
def test_every_picture_is_shown_within_one_period_of_its_time(
    gaps_ms: list[float], fps: float, start_ns: int
) -> None:
    times_ns = [start_ns, *(start_ns + np.cumsum(np.array(gaps_ms) * 1e6).astype(np.int64)).tolist()]
    places, grid = shown(times_ns, fps)
    first_place = {picture: place for place, picture in reversed(list(enumerate(places)))}
    for picture, place in first_place.items():
        assert abs((times_ns[picture] - start_ns) / 1e9 * fps - place) < 1 + 1e-5
    assert places[0] == 0
    assert places == sorted(places)
    assert len(places) == grid.placed
    assert len(times_ns) == len(set(places)) + grid.skipped
    assert grid.placed == len(set(places)) + grid.repeated
    assert abs(grid.placed - 1 - (times_ns[-1] - start_ns) / 1e9 * fps) <= 1 + 1e-5
    assert grid.left_out_ns == 0


@given(st.lists(st.floats(-0.45, 0.45), min_size=2, max_size=100), st.floats(0, 1))
def test_jitter_below_half_a_period_repeats_and_skips_nothing(jitter: list[float], phase: float) -> None:
    times_ns = [round((phase + at + late) * SECOND / 30) + SECOND for at, late in enumerate(jitter)]
    places, grid = shown(times_ns, 30)
    assert places == list(range(len(jitter)))
    assert (grid.repeated, grid.skipped) == (0, 0)


@pytest.mark.parametrize(
    ("rate", "fps", "places", "repeated", "skipped"),
    [
        (10, 30, 298, 198, 0),
        (60, 30, 50, 0, 50),
        (30, 30, 100, 0, 0),
        (15, 60, 397, 297, 0),
        (31, 30, 96, 0, 4),
        (29, 30, 103, 3, 0),
    ],
)
def test_a_hundred_pictures_of_one_rate_on_a_grid_of_another(
    rate: int, fps: int, places: int, repeated: int, skipped: int
) -> None:
    grid = shown([round(at * SECOND / rate) for at in range(100)], fps)[1]
    assert grid.placed == pytest.approx(places, abs=1)
    assert grid.repeated == pytest.approx(repeated, abs=1)
    assert grid.skipped == pytest.approx(skipped, abs=1)


def test_a_pause_is_shown_up_to_a_minute_and_left_out_beyond() -> None:
    grid = shown([0, 60 * SECOND], 10)[1]
    assert (grid.placed, grid.repeated, grid.left_out_ns) == (601, 599, 0)
    grid = shown([0, 60 * SECOND + 1, 60 * SECOND + SECOND], 10)[1]
    assert (grid.placed, grid.repeated) == (12, 9)
    assert grid.left_out_ns == pytest.approx(59.9 * SECOND, abs=2)


def test_without_a_pause_the_next_picture_comes_at_once() -> None:
    grid = TimeGrid(10)
    assert [grid.place(0), grid.place(SECOND, without_pause=True), grid.place(2 * SECOND)] == [0, 0, 9]
    assert grid.left_out_ns == round(0.9 * SECOND)


def test_time_that_runs_backwards_goes_on_from_there() -> None:
    places, grid = shown([50 * SECOND, 51 * SECOND, 3 * SECOND, 4 * SECOND], 1)
    assert places == [0, 1, 2, 3]
    assert grid.skipped == 0
    assert grid.left_out_ns == 49 * SECOND
