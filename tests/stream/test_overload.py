"""More frames than the model can take, inside a budget that drops what is late."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest

from edgemm.errors import SourceTimeout
from edgemm.media import Frame
from edgemm.stream.budget import Budget
from edgemm.stream.forecast import Forecast
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

Make = Callable[..., Any]
PERIOD_MS = 40


class Camera:
    """25 frames a second by the fake clock; gives the newest, and waits for the next when that was read."""

    uri = "camera"
    modality: Literal["image", "audio", "text"] = "image"
    live = True
    keeps_newest = True

    def __init__(self, time: Any, frames: int) -> None:
        self.time, self.frames = time, frames
        self.start_ns = time.now_ns()
        self.taken = -1

    @property
    def newest(self) -> int:
        return int((self.time.now_ns() - self.start_ns) // (PERIOD_MS * 1_000_000))

    @property
    def lost(self) -> dict[str, int]:
        return {}

    def read(self, timeout_s: float | None = None) -> Frame | None:
        if self.newest <= self.taken:
            due_ns = self.start_ns + (self.taken + 1) * PERIOD_MS * 1_000_000
            wait_ms = (due_ns - self.time.now_ns()) / 1e6
            if timeout_s is not None and wait_ms > timeout_s * 1e3:
                self.time.pass_ms(timeout_s * 1e3)
                raise SourceTimeout("not yet")
            self.time.pass_ms(wait_ms)
        self.taken = self.newest
        if self.taken >= self.frames:
            return None
        captured_ns = self.start_ns + self.taken * PERIOD_MS * 1_000_000
        return Frame(np.zeros((1, 1), np.uint8), captured_ns, self.taken, "gray")

    def close(self) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *error: object) -> None: ...


def model(sums: Make, work_ms: Callable[[int], float] | float) -> Any:
    """A session that takes so long for a frame."""
    session = sums()

    def work(item: Any) -> None:
        takes_ms = work_ms(item.sequence) if callable(work_ms) else work_ms
        session.time.pass_ms(takes_ms - 3.5)  # which is what Sums takes itself

    session.before = work
    return session


def run(stream: Stream, balanced: Make) -> dict[str, Any]:
    for _ in stream:
        balanced(stream.ledger.summary())
    summary = stream.ledger.summary()
    balanced(summary)
    return summary


def test_a_model_that_fits_only_a_fresh_frame_waits_for_one(time: Any, sums: Make, balanced: Make) -> None:
    """80 ms of work, 90 allowed, and a phase in which the newest frame is 20 ms old whenever the model is free."""
    camera = Camera(time, 300)
    time.pass_ms(20)
    with Stream(model(sums, 80), camera, Budget(90, on_late="drop"), now_ns=time.now_ns) as stream:
        summary = run(stream, balanced)
    assert (
        summary["delivered"] >= 300 // 2 - 10
    )  # one frame in two, but for the first, which taught how long it takes
    assert summary["dropped"]["late"] <= 3
    assert summary["dropped"]["no-time"] <= 3  # once in step with the camera nothing is passed over


def test_what_is_begun_is_delivered_when_times_vary(time: Any, sums: Make, balanced: Make) -> None:
    camera = Camera(time, 2000)
    draw = np.random.default_rng(0).uniform(70, 85, 2000)
    with Stream(
        model(sums, lambda number: float(draw[number])),
        camera,
        Budget(90, on_late="drop"),
        now_ns=time.now_ns,
    ) as stream:
        summary = run(stream, balanced)
    begun = summary["delivered"] + summary["dropped"].get("late", 0)
    assert summary["delivered"] >= 0.9 * begun
    assert summary["delivered"] >= 2000 / 3 - 20  # a frame in three: 70 to 85 ms reach into the third


def test_a_model_that_is_always_too_slow_is_not_run_but_tried_again(
    time: Any, sums: Make, balanced: Make
) -> None:
    ran: list[int] = []

    def take(number: int) -> float:
        ran.append(number)
        return 120.0

    with Stream(
        model(sums, take), Camera(time, 25 * 60), Budget(90, on_late="drop"), now_ns=time.now_ns
    ) as stream:
        summary = run(stream, balanced)
    assert summary["delivered"] == 0
    assert 55 <= len(ran) <= 65  # a minute: once a second, and the first ones


def test_a_model_that_becomes_fast_again_is_noticed(time: Any, sums: Make, balanced: Make) -> None:
    with Stream(
        model(sums, lambda number: 120.0 if number < 250 else 30.0),
        Camera(time, 500),
        Budget(90, on_late="drop"),
        now_ns=time.now_ns,
    ) as stream:
        summary = run(stream, balanced)
    assert summary["delivered"] >= 250 - 25 - 5  # the second until it is tried again


def test_a_slow_start_judges_nothing() -> None:
    forecast = Forecast(90)
    forecast.took(500)
    assert forecast.is_worth(0, 0, fresher_follows=True)
    forecast.took(500)
    assert forecast.is_worth(0, 0, fresher_follows=True)


def test_one_slow_run_now_and_then_changes_nothing() -> None:
    forecast = Forecast(90)
    for time_ms in (40, 40, 500, 40, 40):
        forecast.took(time_ms)
    assert all(forecast.is_worth(20, number, fresher_follows=True) for number in range(10))


def test_no_two_frames_in_a_row_are_passed_over_for_a_fresher_one() -> None:
    forecast = Forecast(90)
    for time_ms in (60, 80, 80, 80):
        forecast.took(time_ms)
    assert [forecast.is_worth(20, 0, fresher_follows=True) for _ in range(4)] == [False, True, False, True]
    assert forecast.is_worth(20, 0, fresher_follows=False)  # a file's next frame is no fresher


def test_late_results_are_delivered_whatever_the_forecast(time: Any, sums: Make, balanced: Make) -> None:
    with Stream(model(sums, 120), Camera(time, 100), Budget(90), now_ns=time.now_ns) as stream:
        summary = run(stream, balanced)
    assert summary["dropped"] == {}
    assert summary["late"] == summary["delivered"] >= 25


def test_a_stream_that_delivers_nothing_for_long_warns_once_and_says_so_in_its_summary(
    time: Any, sums: Make, balanced: Make, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.WARNING, "edgemm"),
        Stream(
            model(sums, 120), Camera(time, 25 * 20), Budget(90, on_late="drop"), now_ns=time.now_ns
        ) as stream,
    ):
        summary = run(stream, balanced)
    (warning,) = [each.getMessage() for each in caplog.records]
    assert "no result for 10 s" in warning
    assert "allows 90 ms" in warning
    assert "takes 120 ms or more" in warning
    assert 15 < summary["starved_s"] <= 20
    assert stream.ledger.progress() > 100  # it is at work, as a watchdog sees it


def test_a_stream_that_delivers_is_not_starved(time: Any, sums: Make, balanced: Make) -> None:
    with Stream(
        model(sums, 60), Camera(time, 1000), Budget(90, on_late="drop"), now_ns=time.now_ns
    ) as stream:
        assert "starved_s" not in run(stream, balanced)
