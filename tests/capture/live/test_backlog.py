"""What FFMPEG had taken in before it was first read: passed over within a limit, and counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.capture.live.grabber import Shot
from edgemm.capture.live.network import NetworkGrabber
from edgemm.opencv import opencv

pytestmark = pytest.mark.device


class Capture:
    """Hands pictures over at given moments, and then fails."""

    def __init__(
        self, moments_ms: list[float], clock: list[int], fps: float = 30, times: bool = True
    ) -> None:
        self.left = list(enumerate(moments_ms))
        self.clock = clock
        self.fps, self.times, self.at = fps, times, 0

    def read(self) -> tuple[bool, Any]:
        if not self.left:
            return False, None
        self.at, moment_ms = self.left.pop(0)
        self.clock[0] = round(moment_ms * 1e6)
        return True, np.full((4, 4, 3), self.at, np.uint8)

    def get(self, _: int) -> float:
        return 1000 * self.at / self.fps if self.times else 0.0


def first_shot(moments_ms: list[float], fps: float = 30, timeout_s: float = 5, times: bool = True) -> Shot:
    pytest.importorskip("cv2")
    opencv()
    clock = [0]
    grabber = NetworkGrabber("rtsp://h/", "rtsp://h/", timeout_s)
    grabber._now_ns = lambda: clock[0]
    grabber._capture = Capture(moments_ms, clock, fps, times)
    shot = grabber.grab()
    assert isinstance(shot, Shot)
    assert shot.captured_ns <= clock[0]
    return shot


def number(shot: Shot) -> int:
    return int(shot.pixels[0, 0, 0])


def test_what_comes_at_once_is_passed_over_and_counted() -> None:
    shot = first_shot([1, 2, 3, 4, 37, 70, 103])
    assert (number(shot), shot.missed, shot.why) == (5, 5, "backlog")


def test_one_picture_that_comes_late_is_not_the_end_of_the_backlog() -> None:
    """This machine was busy meanwhile."""
    shot = first_shot([1, 2, 40, 41, 42, 43, 75, 108, 141])
    assert (number(shot), shot.missed) == (7, 7)


def test_a_stream_that_ends_meanwhile_still_gives_its_last_picture() -> None:
    shot = first_shot([1, 2, 3, 4, 5])
    assert (number(shot), shot.missed, shot.captured_ns) == (4, 4, 5_000_000)


def test_a_single_picture() -> None:
    shot = first_shot([1])
    assert (number(shot), shot.missed) == (0, 0)


@pytest.mark.parametrize(("timeout_s", "limit_ms"), [(5, 1000), (1, 500)])
def test_a_stream_that_never_slows_down_is_shown_after_the_limit(timeout_s: float, limit_ms: int) -> None:
    """100 pictures a second that do not tell their times, each taken to last 20 ms."""
    shot = first_shot([9.0 * place for place in range(1, 500)], 100, timeout_s, times=False)
    assert limit_ms <= shot.captured_ns / 1e6 < limit_ms + 9
    assert shot.missed == number(shot)
