"""A session that goes on and on, as one that generates does, is cancelled from another thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from fake_session import FakeSession
from needs import needs

import edgemm
from edgemm.litert_runtime import find_litert
from edgemm.media import AudioBlock, Captured, Frame
from edgemm.model.part import Part
from edgemm.results import Transcript
from edgemm.session import Cancellation, Emission, Gap, StageClock
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device
TOTAL = Path(__file__).parents[1] / "assets" / "total.tflite"
CARD = {
    "inputs": [{"name": "x", "shape": [1, 2]}, {"name": "before", "shape": [1, 2]}],
    "outputs": [{"name": "total", "shape": [1, 2]}],
    "states": [{"output": "total", "input": "before"}],
}
WAIT_S = 20.0
MOST = 100_000


class Endless(FakeSession):
    """Steps a part for each item until it is told to stop; of every other item it says a word at each tenth step."""

    modality: Literal["image", "audio", "text"] = "image"

    def __init__(self, part: Part) -> None:
        self.part, self.cancelled = part, Cancellation()
        self.at_work, self.seen = threading.Event(), threading.Event()
        self.asked_at = self.steps = 0

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        assert isinstance(item, Frame)
        self.cancelled.renew()
        for step in range(MOST):
            if self.cancelled:
                return
            self.part.step({"x": np.ones((1, 2), np.float32)})
            self.steps += 1
            if step == 5:
                self.at_work.set()
                self.seen.wait(WAIT_S)  # until the other thread has asked: what is done afterwards is counted
            if item.sequence == 1 and step % 2 == 0:
                yield Emission(Transcript("word"), item.captured_ns, item.captured_ns, final=False)

    def cancel(self) -> None:
        self.asked_at = self.steps
        self.cancelled.cancel()
        self.seen.set()

    def close(self) -> None:
        self.part.close()


class Pictures:
    uri, live = "pictures", False
    modality: Literal["image", "audio", "text"] = "image"

    def __init__(self, count: int) -> None:
        self.left = [Frame(np.zeros((2, 2, 3), np.uint8), at, at) for at in range(count)]

    def read(self, timeout_s: float | None = None) -> Frame | None:
        return self.left.pop(0) if self.left else None

    def close(self) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *error: object) -> None: ...


def test_it_ends_within_one_step_and_is_counted() -> None:
    needs(find_litert)
    steps_after, items = [], []
    with edgemm.load(TOTAL, card=CARD) as model:
        session = Endless(model.part())
        with Stream(session, Pictures(4)) as stream:

            def cancel() -> None:
                for _ in range(4):
                    assert session.at_work.wait(WAIT_S)
                    session.at_work.clear()
                    stream.cancel()

            other = threading.Thread(target=cancel)
            other.start()
            for item in stream:
                items.append(item)
                steps_after.append(session.steps - session.asked_at if session.asked_at else 0)
                session.seen.clear()
            other.join(WAIT_S)
            summary = stream.ledger.summary()
    assert {item.value.text for item in items} == {"word"}  # type: ignore[attr-defined]
    assert all(not item.final and item.to_json()["final"] is False for item in items)
    assert session.steps - session.asked_at <= 1
    assert summary["interrupted"] == 4
    assert summary["dropped"] == {"interrupted": 3}  # the second had said something before
    assert summary["captured"] == summary["delivered"] + 3 == 4


def test_a_cancel_without_work_changes_nothing() -> None:
    needs(find_litert)
    with edgemm.load(TOTAL, card=CARD) as model, Stream(Endless(model.part()), Pictures(0)) as stream:
        stream.cancel()
        assert list(stream) == []
        assert "interrupted" not in stream.ledger.summary()


class Once(FakeSession):
    """One result for each picture, at once."""

    def feed(self, item: Captured, clock: StageClock) -> list[Emission]:
        return [Emission(Transcript("word"), item.captured_ns, item.captured_ns)]


def test_a_cancel_between_two_pictures_interrupts_nothing() -> None:
    with Stream(Once(), Pictures(4)) as stream:
        for _ in stream:
            stream.cancel()
        summary = stream.ledger.summary()
    assert (summary["delivered"], summary["dropped"], "interrupted" in summary) == (4, {}, False)


def test_the_other_words_of_an_item_are_given_up_between_two_of_them() -> None:
    class Three(FakeSession):
        def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
            for _ in range(3):
                yield Emission(Transcript("word"), item.captured_ns, item.captured_ns)

    with Stream(Three(), Pictures(2)) as stream:
        for item in stream:
            if item.frame.captured_ns == 0:
                stream.cancel()
        summary = stream.ledger.summary()
    assert (summary["results"], summary["delivered"], summary["interrupted"]) == (4, 2, 1)


class Sound:
    """Ten blocks of ten samples, the fourth behind a gap of five."""

    uri, live = "sound", False
    modality: Literal["image", "audio", "text"] = "audio"

    def __init__(self) -> None:
        gaps = [5 if at == 3 else 0 for at in range(10)]
        places = [10 * at + sum(gaps[: at + 1]) for at in range(10)]
        self.left = [
            AudioBlock(np.zeros(10, np.float32), 100, place, place, gap)
            for place, gap in zip(places, gaps, strict=True)
        ]

    def read(self, timeout_s: float | None = None) -> AudioBlock | None:
        return self.left.pop(0) if self.left else None

    def close(self) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *error: object) -> None: ...


class Listener(FakeSession):
    """Notes what it hears, and which thread ends its work; the stream is cancelled before it begins on some blocks."""

    modality: Literal["image", "audio", "text"] = "audio"

    def __init__(self, cancel_at: tuple[int, ...]) -> None:
        self.cancel_at, self.stream = cancel_at, None
        self.heard: list[int] = []
        self.gaps: list[tuple[int, str]] = []
        self.ended: list[threading.Thread] = []

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        at = len(self.heard) + len(self.cancel_at)
        if item.captured_ns // 10 in self.cancel_at:
            self.stream.cancel()  # type: ignore[attr-defined]
        return self._feed(item, at)

    def _feed(self, item: Captured, at: int) -> Iterator[Emission]:
        try:
            self.heard.append(item.captured_ns)
            yield Emission(Transcript("a"), 0, 0)
            yield Emission(Transcript("b"), 0, 0)
        finally:
            self.ended.append(threading.current_thread())

    def gap(self, gap: Gap, clock: StageClock) -> tuple[()]:
        self.gaps.append((gap.samples, gap.reason))
        return ()


def test_sound_that_was_cancelled_before_it_was_heard_is_a_gap() -> None:
    session = Listener((1, 5))
    with Stream(session, Sound()) as stream:
        session.stream = stream  # type: ignore[assignment]
        list(stream)
        summary = stream.ledger.summary()
    assert summary["dropped"]["interrupted"] == 2
    assert summary["samples"]["dropped"] == {"gap": 5, "interrupted": 20}
    assert session.gaps == [(10, "interrupted"), (5, "gap"), (10, "interrupted")]
    assert len(session.heard) == 8


def test_what_is_given_up_is_ended_by_the_thread_that_iterates() -> None:
    """Not by the one that cancels, in the middle of the next block."""
    session = Listener(())
    with Stream(session, Sound()) as stream:
        session.stream = stream  # type: ignore[assignment]
        for number, _ in enumerate(stream):
            if number == 0:
                canceller = threading.Thread(target=stream.cancel)
                canceller.start()
                canceller.join()
                kept = stream._work  # as the cancelling thread may hold it
        assert kept is not None
        summary = stream.ledger.summary()
    assert summary["interrupted"] == 1
    assert set(session.ended) == {threading.current_thread()}
    assert len(session.ended) == 10


def test_a_cancel_within_a_gap_loses_the_block_behind_it_as_a_gap() -> None:
    class Speaks(Listener):
        def gap(self, gap: Gap, clock: StageClock) -> Any:
            super().gap(gap, clock)
            yield Emission(Transcript("before the gap"), 0, 0)

    session = Speaks(())
    with Stream(session, Sound()) as stream:
        session.stream = stream  # type: ignore[assignment]
        cancelled = False
        for item in stream:
            if item.value.text == "before the gap" and not cancelled:  # type: ignore[attr-defined]
                cancelled = True
                stream.cancel()
    assert session.gaps == [(5, "gap"), (10, "interrupted")]
    assert len(session.heard) == 9


def test_last_words_that_fail_are_asked_for_once() -> None:
    class Fails(FakeSession):
        asked = 0

        def feed(self, item: Captured, clock: StageClock) -> tuple[()]:
            return ()

        def finish(self, clock: StageClock) -> Any:
            self.asked += 1
            raise edgemm.ArtifactError("cannot be decoded")

    session = Fails()
    with Stream(session, Pictures(2)) as stream:
        with pytest.raises(edgemm.ArtifactError):
            next(stream)
        assert list(stream) == []
    assert session.asked == 1
