"""Two streams, round after round: one source is absent at first, one fails in the middle; every frame is accounted for.

The truth is the drivers' own count of the pictures that they handed over.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fake_session import FakeSession, emitted

from edgemm.capture.live.grabber import Shot
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.capture.live.timeouts import Backoff, Timeouts
from edgemm.errors import SourceError, SourceNotFound
from edgemm.media import Captured, Color
from edgemm.results import Embedding
from edgemm.session import Emission, StageClock
from edgemm.stream.budget import Budget
from edgemm.stream.runner import Runner

pytestmark = pytest.mark.device

ENDS = ("end", "hang", "crash", "lost", "bad")
PATIENCE_S = 60.0


class Quick(Backoff):
    """Waits a thousandth of a second between attempts."""

    def next_s(self) -> float:
        return 0.001


class Camera:
    """A device: how often it is absent, and how each opening of it ends. Counts what it hands over."""

    color: Color = "bgr"

    def __init__(self, draw: random.Random, absent: int, faults: int) -> None:
        self.draw, self.absent, self.faults = draw, absent, faults
        self.made = self.openings = 0
        self.released = threading.Event()
        self.hangs_left = 3  # with four threads that hang, no further connection is made
        self.lock = threading.Lock()

    def may_hang(self) -> bool:
        """True at most three times."""
        with self.lock:
            self.hangs_left -= 1
            return self.hangs_left >= 0

    def connect(self) -> Opening:
        return Opening(self)


class Opening:
    """One connection to it."""

    color: Color = "bgr"

    def __init__(self, camera: Camera) -> None:
        self.camera = camera

    def open(self) -> str:
        with self.camera.lock:
            self.camera.openings += 1
            absent, self.camera.absent = self.camera.absent > 0, self.camera.absent - 1
            faulty, self.camera.faults = self.camera.faults > 0, self.camera.faults - (not absent)
            self.left = self.camera.draw.randrange(6) if faulty else 10**9
            self.ends = self.camera.draw.choice(ENDS)
        if absent:
            if self.camera.draw.random() < 0.1 and self.camera.may_hang():
                self.camera.released.wait()
            raise SourceNotFound("it is not there")
        return "8x8"

    def grab(self) -> Shot | None:
        self.left -= 1
        if self.left < 0:
            if self.ends == "hang" and self.camera.may_hang():
                self.camera.released.wait()
            if self.ends == "crash":
                raise RuntimeError("the driver crashed")
            if self.ends == "lost":
                raise SourceNotFound("it was unplugged")
            return None
        time.sleep(0.0005)
        with self.camera.lock:
            self.camera.made += 1
        return Shot(np.zeros((8, 8, 3), np.uint8), time.monotonic_ns())

    def close(self) -> None:
        pass


class Model(FakeSession):
    """Takes as long as it is told; fails now and then."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw

    def session(self) -> Model:
        return self

    def feed(self, captured: Captured, clock: StageClock) -> Iterator[Emission]:
        time.sleep(self.draw.choice((0, 0, 0.001)))
        yield emitted(captured, Embedding(np.zeros(1, np.float32)))

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


def accounted(summary: dict[str, Any]) -> bool:
    gone = summary["delivered"] + sum(summary["dropped"].values()) + summary["in_flight"]
    return bool(summary["captured"] == gone)


def run_round(seed: int) -> None:
    draw = random.Random(seed)
    late, failing = Camera(draw, draw.randrange(1, 5), 0), Camera(draw, 0, draw.randrange(1, 5))
    timeouts = Timeouts(0.05, 0.05, wait=True)
    attempts = draw.choice((float("inf"), float("inf"), 2.0))
    sources = {
        "late": LiveFrames("late", late.connect, timeouts, Quick()),
        "failing": LiveFrames("failing", failing.connect, Timeouts(0.05, 0.05, attempts, wait=True), Quick()),
    }
    cameras = {"late": late, "failing": failing}
    seen = dict.fromkeys(sources, 0)
    budget = draw.choice((Budget(), Budget(1.0, on_late="drop")))
    failed: list[str] = []
    give_up_s = time.monotonic() + PATIENCE_S
    with Runner() as runner:
        for name, source in sources.items():
            runner.add(name, Model(draw), source, budget, timeout_s=PATIENCE_S)
        while True:
            try:
                for name, _ in runner:
                    seen[name] += 1
                    assert all(map(accounted, runner.summary().values()))
                    assert time.monotonic() < give_up_s, f"seed {seed}: {seen}, {runner.summary()}"
                    if seen["late"] >= 5 and (seen["failing"] >= 30 or "failing" in runner.ended()):
                        runner.stop()
                break
            except SourceError as error:
                failed.append(str(error))
    assert all("stream 'failing'" in error for error in failed), f"seed {seed}: {failed}"
    summaries = runner.summary()
    for camera in cameras.values():
        camera.released.set()
    for name, source in sources.items():
        source.close()
        counts, summary, camera = source.counts(), summaries[name], cameras[name]
        where = f"seed {seed}, {name}: {counts}, {summary}, made {camera.made}"
        assert accounted(summary), where
        assert summary["in_flight"] == 0, where
        assert counts.captured == counts.delivered + counts.waiting + sum(counts.lost.values()), where
        refused = camera.made - (counts.captured - counts.lost.get("corrupt", 0))
        assert 0 <= refused <= camera.openings, where  # one for each opening that was given up meanwhile
    assert seen["late"] >= 5
    assert summaries["late"]["faults"]["appeared"] == 1


def test_absent_and_failing_sources_lose_no_frame_from_the_account(
    rounds: Callable[[int, int], int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "edgemm")
    monkeypatch.setattr("edgemm.capture.live.live_frames._RELEASE_S", 0.02)
    before = threading.active_count()
    for seed in range(rounds(3000, 12)):
        run_round(seed)
    give_up_s = time.monotonic() + PATIENCE_S
    while threading.active_count() > before:
        assert time.monotonic() < give_up_s, threading.enumerate()
