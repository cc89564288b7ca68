"""A network camera through a stream: the age of what comes out, and an account that balances under every fault."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from coded_picture import read_code
from fake_session import FakeSession, emitted
from process import RigProcess

from edgemm.capture import open_source
from edgemm.capture.losses import CountsFaults
from edgemm.media import AudioBlock, Captured, Frame
from edgemm.results import Embedding
from edgemm.session import Emission, StageClock
from edgemm.stream.item import Item
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

PATIENCE_S = 20.0


class Slow(FakeSession):
    """A model that takes its time."""

    def __init__(self, takes_s: float) -> None:
        self.takes_s = takes_s

    def feed(self, captured: Captured, clock: StageClock) -> Iterator[Emission]:
        assert not isinstance(captured, AudioBlock)
        clock.start("infer")
        time.sleep(self.takes_s)
        yield emitted(captured, Embedding(np.zeros(1, np.float32)))


class Auditor(threading.Thread):
    """Looks at the account all the time, from a thread of its own."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._over = threading.Event()
        self.looked = 0
        self.wrong: list[dict[str, Any]] = []

    def run(self) -> None:
        while not self._over.wait(0.001):
            summary = self._stream.ledger.summary()
            settled = summary["delivered"] + sum(summary["dropped"].values())
            self.looked += 1
            if summary["captured"] != settled + summary["in_flight"]:
                self.wrong.append(summary)

    def __enter__(self) -> Auditor:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self.join()


def items_until(stream: Stream, done: Callable[[], object]) -> list[Item]:
    give_up = time.monotonic() + PATIENCE_S
    items = []
    for item in stream:
        items.append(item)
        if done():
            return items
        assert time.monotonic() < give_up, stream.ledger.summary()
    pytest.fail("the stream ended")


@pytest.mark.parametrize(
    ("mode", "event"),
    [("stall", "stalled"), ("close", "closed"), ("corrupt", "stalled"), ("frozen", "frozen")],
)
def test_a_fault_costs_frames_and_never_the_account(mjpeg: RigProcess, mode: str, event: str) -> None:
    address = f"http://127.0.0.1:{mjpeg.port}/#timeout_s=0.5&frozen_s=0.4"
    with open_source(address) as source, Stream(Slow(0.05), source, owns_source=True) as stream:
        assert isinstance(source, CountsFaults)
        with Auditor(stream) as auditor:
            items_until(stream, lambda: stream.ledger.summary()["delivered"] >= 5)
            mjpeg.say(mode)
            back = threading.Timer(1.2, mjpeg.say, ["play"])
            back.start()
            items = items_until(stream, lambda: not back.is_alive() and source.faults.get("reconnected"))
        assert source.faults[event] >= 1
        assert auditor.wrong == []
        assert auditor.looked > 20
    summary = stream.ledger.summary()
    assert summary["in_flight"] == 0
    assert summary["captured"] == summary["delivered"] + sum(summary["dropped"].values())
    assert items[-1].age_ms < 500


def test_the_numbers_of_frames_and_the_account_agree(mjpeg: RigProcess) -> None:
    """Every hole in the numbers is in the account, and every frame that was made is one or the other."""
    with (
        open_source(f"http://127.0.0.1:{mjpeg.port}/") as source,
        Stream(Slow(0.1), source, owns_source=True) as stream,
    ):
        items = items_until(stream, lambda: stream.ledger.summary()["delivered"] >= 8)
        mjpeg.say("hiccup")
        items += items_until(stream, lambda: stream.ledger.summary()["dropped"].get("corrupt"))
        first, last = items[0].frame, items[-1].frame
        summary = stream.ledger.summary()
    assert isinstance(first, Frame)
    assert isinstance(last, Frame)
    assert summary["dropped"]["corrupt"] == 1
    assert summary["captured"] >= last.sequence + 1
    made, before = read_code(last.pixels), read_code(first.pixels)
    assert made is not None
    assert before is not None
    sent, counted = made.number - before.number, last.sequence - first.sequence
    assert counted <= sent <= counted + 3  # a server that is late itself leaves one out
