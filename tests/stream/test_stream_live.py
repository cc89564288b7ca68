"""Live pictures: the newest wins, and what is too old is not run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest

from edgemm.errors import SourceLost
from edgemm.media import Frame
from edgemm.stream.budget import Budget
from edgemm.stream.ledger import Ledger
from edgemm.stream.reader import NewestReader
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

Make = Callable[..., Any]
WAIT_S = 10
"""Longest that a test waits for another thread before it fails."""


class Camera:
    """A live source whose frames the test lets through one by one."""

    uri = "camera"
    modality: Literal["image", "audio", "text"] = "image"
    live = True

    def __init__(self, time: Any) -> None:
        self.time = time
        self.shots: list[Frame | Exception | None] = []
        self.permits = threading.Semaphore(0)
        self.asked = threading.Semaphore(0)
        self.closed = False

    def shoot(self, *shots: Frame | Exception | None) -> None:
        """Lets the reader have these, and waits until it asks for more: it has dealt with them."""
        for shot in shots:
            assert self.asked.acquire(timeout=WAIT_S)
            self.shots.append(shot)
            self.permits.release()
        if shots[-1] is not None and not isinstance(shots[-1], Exception):
            assert self.asked.acquire(timeout=WAIT_S)
            self.asked.release()

    def frame(self, sequence: int) -> Frame:
        return Frame(np.full((1, 1), sequence, np.uint8), self.time.now_ns(), sequence, "gray")

    def read(self, timeout_s: float | None = None) -> Frame | None:
        self.asked.release()
        self.permits.acquire()
        shot = self.shots.pop(0)
        if isinstance(shot, Exception):
            raise shot
        return shot

    def close(self) -> None:
        self.closed = True
        self.shots.append(None)
        self.permits.release()

    def __enter__(self) -> Any: ...
    def __exit__(self, *error: object) -> None: ...


def test_a_newer_frame_replaces_one_that_waits(time: Any, sums: Make, balanced: Make) -> None:
    camera = Camera(time)
    with Stream(sums(), camera, owns_source=True, now_ns=time.now_ns) as stream:
        ahead = threading.Thread(target=camera.shoot, args=[camera.frame(0)])
        ahead.start()
        assert next(stream).frame.sequence == 0  # type: ignore[union-attr]
        ahead.join(WAIT_S)
        camera.shoot(*[camera.frame(n) for n in range(1, 5)])
        summary = stream.ledger.summary()
        assert (summary["dropped"], summary["in_flight"]) == ({"superseded": 3}, 1)
        assert next(stream).frame.sequence == 4  # type: ignore[union-attr]
        balanced(stream.ledger.summary())


def test_the_frame_that_waits_at_the_end_is_still_delivered(time: Any, sums: Make) -> None:
    camera = Camera(time)
    with Stream(sums(), camera, owns_source=True, now_ns=time.now_ns) as stream:
        ahead = threading.Thread(target=camera.shoot, args=[camera.frame(0), camera.frame(1), None])
        ahead.start()
        items = list(stream)
        ahead.join(WAIT_S)
    assert items[-1].frame.sequence == 1  # type: ignore[union-attr]


def test_an_error_of_the_source_comes_after_what_waits(time: Any, sums: Make) -> None:
    camera = Camera(time)
    with Stream(sums(), camera, owns_source=True, now_ns=time.now_ns) as stream:
        ahead = threading.Thread(target=camera.shoot, args=[camera.frame(0), SourceLost("unplugged")])
        ahead.start()
        assert next(stream).frame.sequence == 0  # type: ignore[union-attr]
        with pytest.raises(SourceLost, match="unplugged"):
            next(stream)
        assert list(stream) == []
        ahead.join(WAIT_S)


@pytest.mark.parametrize(("on_late", "dropped", "run"), [("drop", {"stale": 1}, 0), ("deliver", {}, 1)])
def test_a_frame_that_is_too_old_is_not_run(
    time: Any, sums: Make, on_late: Any, dropped: dict[str, int], run: int
) -> None:
    camera = Camera(time)
    ran: list[object] = []
    session = sums(before=ran.append)
    old = camera.frame(0)
    time.pass_ms(50)
    with Stream(session, camera, Budget(40, on_late=on_late), owns_source=True, now_ns=time.now_ns) as stream:
        ahead = threading.Thread(target=camera.shoot, args=[old, None])
        ahead.start()
        assert len(list(stream)) == run
        ahead.join(WAIT_S)
        assert stream.ledger.summary()["dropped"] == dropped
    assert len(ran) == run


def test_policy_all_reads_a_live_source_in_line(
    pictures: Make, sums: Make, time: Any, balanced: Make
) -> None:
    source = pictures(20, fps=100)  # 10 ms apart; 3.5 ms of work each: it keeps up
    with Stream(sums(), source, Budget(policy="all"), now_ns=time.now_ns) as stream:
        assert len(list(stream)) == 20
        assert stream.ledger.summary()["dropped"] == {}


def test_policy_all_cannot_make_a_device_wait(pictures: Make, sums: Make, time: Any, balanced: Make) -> None:
    slow = sums(before=lambda item: time.pass_ms(26.5))  # 30 ms in all
    with Stream(slow, pictures(20, fps=100), Budget(policy="all"), now_ns=time.now_ns) as stream:
        items = list(stream)
        summary = stream.ledger.summary()
    assert [item.frame.sequence for item in items[:3]] == [0, 3, 6]  # type: ignore[union-attr]
    assert summary["dropped"]["overrun"] == 20 - len(items)
    balanced(summary)


def test_live_sound_is_never_dropped(speech: Make, sums: Make, time: Any) -> None:
    slow = sums(window=80, before=lambda item: time.pass_ms(100))
    with Stream(slow, speech(800, live=True), now_ns=time.now_ns) as stream:
        list(stream)
        summary = stream.ledger.summary()
    assert summary["samples"] == {"captured": 800, "delivered": 800, "dropped": {}, "in_flight": 0}


def test_tokens_do_not_pile_up(time: Any) -> None:
    camera, ledger = Camera(time), Ledger()
    reader = NewestReader(camera, ledger, timeout_s=1)
    first = threading.Thread(target=camera.shoot, args=[camera.frame(0)])
    first.start()
    for sequence in range(1, 50):
        assert reader.wait()
        first.join(WAIT_S)
        reader.take()
        camera.shoot(camera.frame(sequence), camera.frame(sequence))
        assert reader._tokens.qsize() == 1
    camera.close()
    reader.close()
