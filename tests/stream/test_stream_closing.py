"""Closing: from any thread, twice, in bounded time, with the account in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from edgemm.capture.files.paced import PacedSource
from edgemm.capture.files.pictures import PictureSource
from edgemm.gate import Gate
from edgemm.media import Captured
from edgemm.stream.budget import Budget
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

Make = Callable[..., Any]
WAIT_S = 10


def test_what_is_in_flight_becomes_closed(pictures: Make, sums: Make, time: Any, balanced: Make) -> None:
    session = sums()
    stream = Stream(session, pictures(5), now_ns=time.now_ns)
    next(stream)
    pending = stream.produce()
    assert pending is not None
    assert stream.ledger.summary()["in_flight"] == 1
    stream.close()
    stream.close()
    summary = stream.ledger.summary()
    assert (summary["delivered"], summary["dropped"], summary["in_flight"]) == (1, {"closed": 1}, 0)
    assert stream.deliver(pending) is None
    assert list(stream) == []
    assert stream.ledger.summary() == summary
    assert session.closed == 1
    balanced(summary)


@pytest.mark.parametrize("owns", [False, True])
def test_the_source_is_closed_only_by_its_owner(pictures: Make, sums: Make, owns: bool) -> None:
    source = pictures(5)
    Stream(sums(), source, owns_source=owns).close()
    assert (source.read() is None) == owns


@pytest.mark.parametrize("policy", ["auto", "all"])
def test_closing_wakes_an_iterator_that_waits(tmp_path: Any, pictures: Make, sums: Make, policy: Any) -> None:
    pictures(2)
    paths = sorted(str(path) for path in tmp_path.glob("*.png"))
    source = PacedSource(PictureSource("slow", paths, fps=0.1))  # the second is due in ten seconds
    stream = Stream(sums(), source, Budget(policy=policy))
    next(stream)
    left: list[object] = []
    waiting = threading.Thread(target=lambda: left.extend(stream))
    waiting.start()
    stream.close()
    waiting.join(WAIT_S)
    assert not waiting.is_alive()
    assert left == []
    source.close()


def test_a_session_is_not_closed_while_it_works(pictures: Make, sums: Make) -> None:
    working, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def work(item: Captured) -> None:
        working.set()
        go_on.wait(WAIT_S)
        order.append("worked")

    session = sums(before=work)
    session.close = lambda: order.append("closed")
    stream = Stream(session, pictures(1))
    user = threading.Thread(target=lambda: list(stream))
    user.start()
    assert working.wait(WAIT_S)
    closer = threading.Thread(target=stream.close)
    closer.start()
    go_on.set()
    closer.join(WAIT_S)
    user.join(WAIT_S)
    assert order == ["worked", "closed"]
    assert stream.ledger.summary()["dropped"] == {"closed": 1}


def test_a_session_that_hangs_does_not_hang_close() -> None:
    freed: list[bool] = []
    gate = Gate(lambda: freed.append(True))
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with gate:
            inside.set()
            leave.wait(WAIT_S)

    worker = threading.Thread(target=work)
    worker.start()
    assert inside.wait(WAIT_S)
    gate.shut()
    gate.free(0.01)
    assert freed == []
    leave.set()
    worker.join(WAIT_S)
    assert freed == [True]  # whoever is last frees


def test_a_stream_may_be_closed_from_inside_its_own_session(pictures: Make, sums: Make) -> None:
    session = sums()
    stream = Stream(session, pictures(3))
    session.before = lambda item: stream.close()
    assert list(stream) == []
    assert session.closed == 1
    assert stream.ledger.summary()["dropped"] == {"closed": 1}


def test_stopping_delivers_what_was_read_and_ends(pictures: Make, sums: Make, time: Any) -> None:
    with Stream(sums(), pictures(2, loop=True), now_ns=time.now_ns) as stream:
        next(stream)
        pending = stream.produce()
        stream.stop()
        assert pending is not None
        assert stream.deliver(pending) is not None
        assert list(stream) == []
        summary = stream.ledger.summary()
    assert (summary["captured"], summary["delivered"], summary["dropped"]) == (2, 2, {})


def test_a_driver_that_hangs_is_left_behind(
    pictures: Make, sums: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("edgemm.stream.reader.JOIN_S", 0.01)
    source, hanging, let_go = pictures(3), threading.Event(), threading.Event()

    def hang(timeout_s: float | None = None) -> None:
        hanging.set()
        let_go.wait(10 * WAIT_S)

    source.read = hang
    stream = Stream(sums(), source, Budget(policy="newest"))
    user = threading.Thread(target=lambda: list(stream))
    user.start()
    assert hanging.wait(WAIT_S)
    with caplog.at_level("WARNING", "edgemm"):
        stream.close()
    user.join(WAIT_S)
    assert not user.is_alive()
    assert not let_go.is_set()
    let_go.set()
    assert "still hangs in a read" in caplog.text
