"""Drivers that end, hang and lie: what the source makes of them."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgemm.capture.live.grabber import Shot
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.capture.live.timeouts import Backoff, Timeouts
from edgemm.capture.losses import CountsFaults, CountsLosses
from edgemm.capture.source import MayBeAwaited, Source
from edgemm.errors import (
    EdgemmError,
    InputError,
    MissingDependency,
    SourceLost,
    SourceNotFound,
    SourceTimeout,
    UnknownSource,
)
from edgemm.media import Color, Frame

pytestmark = pytest.mark.device

Watch = Callable[..., Frame]
SOON = Timeouts(timeout_s=0.3, open_s=0.3)
PATIENT = Timeouts(timeout_s=0.3, open_s=0.3, wait=True)


class Driver:
    """Gives a picture every 5 ms until it does what it is told to: `end`, `hang`, `bad`, `same`, `crash`."""

    color: Color = "bgr"

    def __init__(
        self, *, after: int = 10**9, then: str = "", opens: str = "well", frees: str = "well"
    ) -> None:
        self.after, self.then, self.opens, self.frees = after, then, opens, frees
        self.came_back = threading.Event()
        self.freed = threading.Event()
        self.opened = threading.Event()
        self.numbers = itertools.count()

    def open(self) -> str:
        self.opened.set()
        if self.opens == "hang":
            self.came_back.wait()
        if self.opens == "fail":
            raise SourceNotFound("there is none")
        return "6x4"

    def grab(self) -> Shot | None:
        number = next(self.numbers)
        misbehaves = number >= self.after
        if misbehaves and self.then == "end":
            return None
        if misbehaves and self.then == "hang":
            self.came_back.wait()
        if misbehaves and self.then == "crash":
            raise RuntimeError("lost rtsp://user:secret@camera/1")
        time.sleep(0.005)
        if number == self.after and self.then == "bad":
            time.sleep(0.005)
            return None
        shade = self.after if misbehaves and self.then == "same" else number
        return Shot(np.full((16, 16, 3), shade % 251, np.uint8), time.monotonic_ns())

    def close(self) -> None:
        if self.frees == "hang":
            self.came_back.wait()
        self.freed.set()


@pytest.fixture
def live(request: pytest.FixtureRequest) -> Callable[..., LiveFrames]:
    """A source whose connections are the drivers given, one after the other, and then good ones."""

    def make(*drivers: Driver, patience: Timeouts = SOON) -> LiveFrames:
        later = (Driver() for _ in itertools.count())
        waiting = itertools.chain(drivers, later)
        for driver in drivers:
            request.addfinalizer(driver.came_back.set)
        source = LiveFrames("camera", lambda: next(waiting), patience, Backoff(random.Random(0)))
        request.addfinalizer(source.close)
        return source

    return make


def test_it_is_a_source_that_counts(live: Callable[..., LiveFrames]) -> None:
    source = live()
    assert isinstance(source, Source)
    assert isinstance(source, CountsLosses)
    assert isinstance(source, CountsFaults)
    assert (source.live, source.modality, source.given) == (True, "image", "6x4")


def test_a_late_reader_gets_the_newest_frame(live: Callable[..., LiveFrames], watch: Watch) -> None:
    source = live()
    first = watch(source)
    while source.counts().captured < first.sequence + 10:
        pass
    second = watch(source)
    assert second.sequence >= first.sequence + 9
    assert source.lost["superseded"] >= 8
    assert time.monotonic_ns() - second.captured_ns < 100e6


@pytest.mark.parametrize(
    ("driver", "fault"),
    [
        (Driver(after=5, then="end"), "closed"),
        (Driver(after=5, then="hang"), "stalled"),
        (Driver(after=5, then="crash"), "closed"),
    ],
    ids=["end", "hang", "crash"],
)
def test_a_fault_is_counted_and_a_new_connection_made(
    live: Callable[..., LiveFrames], watch: Watch, driver: Driver, fault: str
) -> None:
    source = live(driver)
    watch(source, lambda frame: source.faults.get("reconnected"))
    assert source.faults[fault] == 1
    counts = source.counts()
    assert counts.captured == counts.delivered + counts.waiting + sum(counts.lost.values())


@pytest.mark.parametrize("driver", [Driver(after=5, then="hang"), Driver(after=5, then="end", frees="hang")])
def test_a_driver_that_hangs_is_left_behind_and_freed_when_it_comes_back(
    live: Callable[..., LiveFrames], watch: Watch, driver: Driver
) -> None:
    source = live(driver)
    watch(source, lambda frame: source.faults.get("left-behind"))
    captured = source.counts().captured
    driver.came_back.set()
    assert driver.freed.wait(10)
    assert watch(source).sequence >= captured - 1


def test_threads_that_hang_do_not_pile_up(
    live: Callable[..., LiveFrames], watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With four of them left behind no further connection is made, until one comes back."""
    monkeypatch.setattr("edgemm.capture.live.live_frames._RELEASE_S", 0.01)
    hanging = [Driver(after=1, then="hang") for _ in range(4)]
    fifth = Driver()
    source = live(*hanging, fifth, patience=Timeouts(0.05, 0.05))
    give_up = time.monotonic() + 60
    while source.faults.get("left-behind", 0) < 4:
        assert time.monotonic() < give_up
    assert not fifth.opened.wait(0.8)  # an attempt would have come after 0.3 s at most
    hanging[0].came_back.set()
    assert fifth.opened.wait(20)
    watch(source)


def test_one_failed_grab_is_a_corrupt_frame(live: Callable[..., LiveFrames], watch: Watch) -> None:
    source = live(Driver(after=5, then="bad"))
    watch(source, lambda frame: frame.sequence > 10)
    assert source.lost["corrupt"] == 1
    assert source.faults == {}


@pytest.mark.parametrize(("frozen_s", "faults"), [(0.1, 1), (None, 0)])
def test_a_picture_that_stands_still_is_a_fault_if_asked(
    live: Callable[..., LiveFrames], watch: Watch, frozen_s: float | None, faults: int
) -> None:
    source = live(Driver(after=5, then="same"), patience=Timeouts(5, 5, frozen_s=frozen_s))
    watch(source, lambda frame: frame.sequence > 60)
    assert source.faults.get("frozen", 0) == faults


@pytest.mark.parametrize(
    ("attempts", "message"), [(0, "reconnecting is off"), (2, "given up after 2 attempts to reconnect")]
)
def test_a_source_that_does_not_come_back_is_lost(
    live: Callable[..., LiveFrames], attempts: int, message: str
) -> None:
    gone = [Driver(opens="fail") for _ in range(attempts)]
    source = live(Driver(after=3, then="end"), *gone, patience=Timeouts(0.3, 0.3, attempts))
    with pytest.raises(SourceLost, match=message):
        list(iter(lambda: source.read(10), None))
    assert source.faults.get("open-failed", 0) == attempts


def test_what_cannot_be_opened_at_first_is_an_error_at_once(live: Callable[..., LiveFrames]) -> None:
    with pytest.raises(SourceNotFound, match="there is none"):
        live(Driver(opens="fail"))


def test_what_is_absent_is_waited_for_and_picked_up(
    live: Callable[..., LiveFrames], watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    comes = Driver(opens="hang")
    source = live(*(Driver(opens="fail") for _ in range(2)), comes, patience=Timeouts(5, 60, wait=True))
    assert isinstance(source, MayBeAwaited)
    assert comes.opened.wait(20)
    awaited = source.awaited
    assert awaited
    assert source.faults == {"open-failed": 2}
    with pytest.raises(SourceTimeout, match="there is none; waiting for it"):
        source.read(0)
    comes.came_back.set()
    watch(source)
    assert not source.awaited
    assert source.faults == {"open-failed": 2, "appeared": 1}
    assert "waiting for it (open-failed: 1 so far)" in caplog.text
    assert "camera: is there now, after" in caplog.text


def test_an_opening_that_hangs_is_tried_again(live: Callable[..., LiveFrames], watch: Watch) -> None:
    source = live(Driver(opens="hang"), patience=PATIENT)
    watch(source)
    assert (source.faults["open-failed"], source.faults["left-behind"], source.faults["appeared"]) == (
        1,
        1,
        1,
    )


def test_what_is_there_at_once_has_not_been_waited_for(live: Callable[..., LiveFrames], watch: Watch) -> None:
    source = live(Driver(after=5, then="end"), patience=PATIENT)
    watch(source)
    assert not source.awaited
    watch(source, lambda frame: source.faults.get("reconnected"))
    assert source.faults == {"closed": 1, "reconnected": 1}


def test_what_has_come_and_gone_is_no_longer_waited_for(
    live: Callable[..., LiveFrames], watch: Watch
) -> None:
    back = Driver(opens="hang")
    source = live(Driver(after=5, then="end"), back, patience=Timeouts(5, 60, wait=True))
    watch(source)
    assert back.opened.wait(20)
    assert (source.awaited, source.faults) == (False, {"closed": 1})


def test_waiting_ends_after_so_many_attempts(live: Callable[..., LiveFrames]) -> None:
    absent = [Driver(opens="fail") for _ in range(3)]
    source = live(*absent, patience=Timeouts(0.3, 0.3, attempts=2, wait=True))
    with pytest.raises(SourceNotFound, match="there is none; given up after 2 attempts"):
        source.read(20)
    assert source.faults["open-failed"] == 3
    assert not source.awaited


@pytest.mark.parametrize(
    "error", [MissingDependency("OpenCV", "vision"), InputError("no"), UnknownSource("no")]
)
def test_what_waiting_does_not_cure_is_an_error(live: Callable[..., LiveFrames], error: EdgemmError) -> None:
    driver = Driver()
    driver.open = lambda: (_ for _ in ()).throw(error)  # type: ignore[method-assign]
    with pytest.raises(type(error)):
        live(driver, patience=PATIENT).read(20)
    with pytest.raises(type(error)):
        live(driver)


def test_a_wait_ends_when_the_source_is_closed_from_another_thread(live: Callable[..., LiveFrames]) -> None:
    source = live(*(Driver(opens="fail") for _ in range(50)), patience=PATIENT)
    closing = threading.Timer(0.2, source.close)
    closing.start()
    assert source.read(20) is None
    closing.join()
    source.close()


def test_an_opening_that_hangs_is_a_timeout(live: Callable[..., LiveFrames]) -> None:
    with pytest.raises(SourceTimeout, match=r"camera did not open within 0\.3 s"):
        live(Driver(opens="hang"))


def test_an_error_of_the_driver_is_told_without_credentials(live: Callable[..., LiveFrames]) -> None:
    source = live(Driver(after=0, then="crash"), patience=Timeouts(attempts=0))
    with pytest.raises(SourceLost, match="RuntimeError: lost rtsp://camera/1;"):
        source.read(10)


def test_a_read_never_takes_longer_than_asked(live: Callable[..., LiveFrames]) -> None:
    source = live(Driver(after=0, then="hang"), patience=Timeouts(30, 30))
    begun = time.monotonic()
    with pytest.raises(SourceTimeout):
        source.read(0.05)
    assert 0.05 <= time.monotonic() - begun < 2  # the upper bound is the machine's affair


def test_close_ends_both_threads(live: Callable[..., LiveFrames]) -> None:
    before = set(threading.enumerate())
    source = live()
    assert len(set(threading.enumerate()) - before) == 2
    source.close()
    source.close()
    assert source.read() is None
    assert not set(threading.enumerate()) - before


def test_close_does_not_wait_for_a_driver_that_hangs(live: Callable[..., LiveFrames], watch: Any) -> None:
    driver = Driver(after=1, then="hang")
    source = live(driver, patience=Timeouts(30, 30))
    watch(source)
    begun = time.monotonic()
    source.close()
    assert time.monotonic() - begun < 5


def test_waits_grow_and_begin_anew() -> None:
    backoff = Backoff(random.Random(0))
    waits = [backoff.next_s() for _ in range(8)]
    assert [
        round(wait / base, 1) for wait, base in zip(waits, (0.25, 0.5, 1, 2, 4, 8, 8, 8), strict=True)
    ] == (pytest.approx([1] * 8, abs=0.2))
    backoff.reset()
    assert backoff.next_s() < 0.31
