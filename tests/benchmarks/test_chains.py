"""What the benchmark of chains compares by, and the clip that it compares on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from needs import package

from benchmarks.chains import clip
from benchmarks.chains.comparing import agreeing, errors, frames_lost
from benchmarks.chains.mediapipe_points import points

cv2 = package("cv2")
SQUARE = np.array([[0, 0], [40, 0], [40, 10], [0, 10]], np.float32)
"""A box of 40 x 10."""


def test_errors_are_counted_in_boxes_and_where_both_have_points() -> None:
    moved = np.add(SQUARE, (3, 4))
    assert errors([moved, None, SQUARE], [SQUARE, SQUARE, None]) == [pytest.approx(5 / 40)]
    assert errors([moved], [SQUARE], square=True) == [pytest.approx(5 / 20)]


def test_ways_agree_where_both_or_none_has_points() -> None:
    assert agreeing([SQUARE, None, SQUARE, None], [SQUARE, None, None, SQUARE]) == 0.5


@pytest.mark.parametrize(("begins", "expected"), [([0], 2), ([2], 0), ([0, 3], 2), ([3], 1), ([5], 1)])
def test_the_longest_way_to_find_somebody_again(begins: list[int], expected: int) -> None:
    assert frames_lost([None, None, SQUARE, None, SQUARE, None], begins) == expected


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A picture of a disc at (60, 40), 20 pixels wide, on dark ground."""
    picture = np.full((100, 120, 3), 30, np.uint8)
    cv2.circle(picture, (60, 40), 10, (20, 200, 20), -1)
    assert cv2.imwrite(str(tmp_path / "disc.png"), picture)
    return tmp_path


def test_a_clip_is_the_same_each_time_and_shows_what_it_says(folder: Path) -> None:
    """The disc fills half of the height within the zoom of 20 %, and lies in the frame; the first frames are empty."""
    shots = (clip.Shot("disc.png", 60, 40, 20),)
    one, two, other = (list(clip.frames(folder, shots, 0.5, seed)) for seed in (1, 1, 2))
    assert len(one) == clip.EACH + clip.EMPTY
    assert clip.begins(shots) == [clip.EMPTY]
    assert (np.array(one[: clip.EMPTY]) == clip.GREY[0]).all()
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[-1], other[-1])
    for frame in one[clip.EMPTY :: 10]:
        assert frame.shape == (720, 1280, 3)
        rows = np.flatnonzero((frame[:, :, 1] > 150).any(axis=1))
        assert 0.38 * 720 < len(rows) < 0.66 * 720
        assert rows[0] > 0
        assert rows[-1] < 719


def answer(*landmarks: Any) -> Any:
    return SimpleNamespace(several=list(landmarks), one=landmarks[0] if landmarks else None)


def test_the_points_of_an_answer_are_in_pixels() -> None:
    marks = SimpleNamespace(landmark=[SimpleNamespace(x=0.5, y=0.25)])
    assert points(answer(marks), "several", (200, 100)) == [[100, 25]]
    assert points(answer(marks), "one", (200, 100)) == [[100, 25]]
    assert points(answer(), "several", (200, 100)) is None
    assert points(answer(), "one", (200, 100)) is None
