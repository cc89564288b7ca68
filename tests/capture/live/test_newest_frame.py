"""The slot for the newest frame, and its account."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from edgemm.capture.live.grabber import Shot
from edgemm.capture.live.newest import FrameCounts, NewestFrame
from edgemm.errors import SourceLost, SourceTimeout

pytestmark = pytest.mark.device

PIXELS = np.zeros((2, 2, 3), np.uint8)


@pytest.fixture
def frames() -> NewestFrame:
    slot = NewestFrame("camera")
    slot.belong_to("us")
    return slot


def shoot(frames: NewestFrame, count: int = 1, corrupt: int = 0) -> None:
    for _ in range(count):
        assert frames.put("us", Shot(PIXELS, time.monotonic_ns()), "bgr", corrupt)


def test_a_newer_frame_supersedes_one_that_nobody_read(frames: NewestFrame) -> None:
    shoot(frames, 3)
    frame = frames.take(0)
    assert frame is not None
    assert frame.sequence == 2
    assert frames.counts() == FrameCounts(3, 1, 0, {"superseded": 2})


def test_a_corrupt_frame_leaves_a_hole_in_the_numbers(frames: NewestFrame) -> None:
    shoot(frames)
    first = frames.take(0)
    shoot(frames, corrupt=2)
    second = frames.take(0)
    assert first is not None
    assert second is not None
    assert (first.sequence, second.sequence) == (0, 3)
    assert frames.counts().lost == {"corrupt": 2}


def test_what_the_driver_missed_is_lost_by_its_reason(frames: NewestFrame) -> None:
    frames.put("us", Shot(PIXELS, 1, missed=4, why="backlog"), "bgr", 0)
    assert frames.counts() == FrameCounts(5, 0, 1, {"backlog": 4})


def test_a_connection_that_was_left_behind_is_refused(frames: NewestFrame) -> None:
    frames.belong_to("others")
    assert not frames.put("us", Shot(PIXELS, 1), "bgr", 0)
    assert frames.counts().captured == 0


@pytest.mark.parametrize(("shape", "color"), [((2, 2, 3), "bgr"), ((2, 2), "gray")])
def test_the_colour_follows_the_pixels(frames: NewestFrame, shape: tuple[int, ...], color: str) -> None:
    frames.put("us", Shot(np.zeros(shape, np.uint8), 1), "bgr", 0)
    frame = frames.take(0)
    assert frame is not None
    assert frame.color == color


def test_nothing_in_time_is_a_timeout_that_tells_the_trouble(frames: NewestFrame) -> None:
    frames.fault("stalled", "no frame for 5 s")
    with pytest.raises(SourceTimeout, match=r"camera: no frame within 0\.01 s \(no frame for 5 s\)"):
        frames.take(0.01)


def test_the_last_frame_comes_before_the_error(frames: NewestFrame) -> None:
    shoot(frames)
    frames.fail(SourceLost("unplugged"))
    assert frames.take(0) is not None
    for _ in range(2):
        with pytest.raises(SourceLost, match="unplugged"):
            frames.take(None)


def test_close_wakes_who_waits_and_counts_what_waited(frames: NewestFrame) -> None:
    found: list[object] = []
    reader = threading.Thread(target=lambda: found.append(frames.take(None)))
    reader.start()
    frames.close()
    reader.join(5)
    assert found == [None]
    assert not frames.put("us", Shot(PIXELS, 1), "bgr", 0)


def test_a_frame_that_waits_at_the_end_is_lost_as_closed(frames: NewestFrame) -> None:
    shoot(frames)
    frames.close()
    assert frames.take(None) is None
    assert frames.counts() == FrameCounts(1, 0, 0, {"closed": 1})


def test_the_account_balances_at_every_moment_for_any_thread(frames: NewestFrame) -> None:
    def capture() -> None:
        for number in range(20_000):
            shoot(frames, corrupt=number % 7 == 0)
        frames.close()

    capturing = threading.Thread(target=capture)
    reading = threading.Thread(target=lambda: [None for _ in iter(lambda: frames.take(None), None)])
    capturing.start()
    reading.start()
    looked = 0
    while capturing.is_alive():
        counts = frames.counts()
        assert counts.captured == counts.delivered + counts.waiting + sum(counts.lost.values())
        looked += 1
    reading.join(10)
    counts = frames.counts()
    assert counts.captured == 20_000 + len(range(0, 20_000, 7))
    assert counts.captured == counts.delivered + sum(counts.lost.values())
    assert looked > 10
