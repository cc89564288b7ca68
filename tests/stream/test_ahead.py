"""The next picture is read while the model works: in order, all of them, and counted at every moment."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest

from edgemm.errors import EdgemmError, InputError, SourceLost, SourceTimeout
from edgemm.media import Frame
from edgemm.stream.budget import Budget
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

Make = Callable[..., Any]
WAIT_S = 10
AHEAD = Budget(policy="all", ahead=True)


class Film:
    """A file of pictures that tells what was asked of it."""

    uri, live = "film", False
    modality: Literal["image", "audio", "text"] = "image"

    def __init__(self, count: int, time: Any, *, failing: dict[int, Exception] | None = None) -> None:
        self.count, self.time, self.failing = count, time, failing or {}
        self.reads = 0
        self.asked = threading.Semaphore(0)
        self.threads: set[int] = set()

    def read(self, timeout_s: float | None = None) -> Frame | None:
        at, self.reads = self.reads, self.reads + 1
        self.threads.add(threading.get_ident())
        self.asked.release()
        if at in self.failing:
            raise self.failing[at]
        if at >= self.count:
            return None
        return Frame(np.full((1, 1), at, np.uint8), self.time.now_ns(), at, "gray")

    def close(self) -> None:
        """Nothing."""

    def __enter__(self) -> Film:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def values(stream: Stream) -> list[int]:
    return [int(item.value.vector[0]) for item in stream]  # type: ignore[attr-defined]


def test_every_picture_comes_and_in_order(sums: Make, time: Any, balanced: Make) -> None:
    with Stream(sums(), Film(50, time), AHEAD, now_ns=time.now_ns) as stream:
        assert values(stream) == list(range(50))
        summary = stream.ledger.summary()
    assert (summary["captured"], summary["delivered"], summary["dropped"]) == (50, 50, {})
    balanced(summary)


def test_the_next_is_read_while_the_model_works_and_no_further(sums: Make, time: Any) -> None:
    film = Film(5, time)
    seen: list[int] = []

    def look(item: Frame) -> None:
        for _ in range(film_ahead):
            assert film.asked.acquire(timeout=WAIT_S)
        seen.append(film.reads)
        assert not film.asked.acquire(timeout=0.02)  # a second one ahead would be read by now

    film_ahead = 2
    with Stream(sums(before=look), film, AHEAD, now_ns=time.now_ns) as stream:
        next(stream)
        film_ahead = 1
        next(stream)
    assert seen == [2, 3]
    assert threading.get_ident() not in film.threads


def test_an_age_counts_from_the_reading(sums: Make, time: Any) -> None:
    film = Film(2, time)

    def works(item: Frame) -> None:
        for _ in range(2 if item.sequence == 0 else 1):  # the next is read, or the end is found
            assert film.asked.acquire(timeout=WAIT_S)
        time.pass_ms(100)

    with Stream(sums(before=works), film, AHEAD, now_ns=time.now_ns) as stream:
        ages = [item.age_ms for item in stream]
    assert ages == [103.5, 207.0]  # of the second: while it waited, and while it was worked on


def test_in_line_nothing_is_read_by_another_thread(sums: Make, time: Any) -> None:
    film = Film(3, time)
    with Stream(sums(), film, Budget(policy="all"), now_ns=time.now_ns) as stream:
        assert values(stream) == [0, 1, 2]
    assert film.threads == {threading.get_ident()}


def test_what_waits_becomes_closed(sums: Make, time: Any, balanced: Make) -> None:
    film = Film(9, time)
    stream = Stream(sums(), film, AHEAD, now_ns=time.now_ns)
    next(stream)
    for _ in range(2):
        assert film.asked.acquire(timeout=WAIT_S)
    stream.close()
    stream.close()
    summary = stream.ledger.summary()
    assert (summary["captured"], summary["delivered"], summary["dropped"]) == (2, 1, {"closed": 1})
    balanced(summary)
    assert list(stream) == []


def test_stopping_delivers_what_was_read(sums: Make, time: Any, balanced: Make) -> None:
    film = Film(9, time)
    with Stream(sums(), film, AHEAD, now_ns=time.now_ns) as stream:
        next(stream)
        for _ in range(2):
            assert film.asked.acquire(timeout=WAIT_S)
        stream.stop()
        assert values(stream) == [1]
        balanced(stream.ledger.summary())
    assert film.reads == 2


def test_an_error_of_the_source_comes_after_what_was_read_before(sums: Make, time: Any) -> None:
    film = Film(9, time, failing={3: SourceLost("gone")})
    stream = Stream(sums(), film, AHEAD, now_ns=time.now_ns)
    assert [int(next(stream).value.vector[0]) for _ in range(3)] == [0, 1, 2]  # type: ignore[attr-defined]
    with pytest.raises(SourceLost, match="gone"):
        next(stream)
    assert list(stream) == []
    stream.close()


def test_whoever_asks_again_after_a_timeout_waits_again(sums: Make, time: Any) -> None:
    film = Film(3, time, failing={1: SourceTimeout("nothing yet")})
    with Stream(sums(), film, AHEAD, timeout_s=0.0, now_ns=time.now_ns) as stream:
        assert int(next(stream).value.vector[0]) == 0  # type: ignore[attr-defined]
        with pytest.raises(SourceTimeout):
            next(stream)
        assert values(stream) == [2]


def test_an_error_of_the_model_costs_its_item_alone(sums: Make, time: Any, balanced: Make) -> None:
    def fails(item: Frame) -> None:
        if item.sequence == 1:
            raise EdgemmError("on purpose")

    with Stream(sums(before=fails), Film(4, time), AHEAD, now_ns=time.now_ns) as stream:
        assert int(next(stream).value.vector[0]) == 0  # type: ignore[attr-defined]
        with pytest.raises(EdgemmError, match="on purpose"):
            next(stream)
        assert values(stream) == [2, 3]
        balanced(stream.ledger.summary())


@pytest.mark.parametrize("seed", range(4))
def test_it_may_be_closed_at_any_moment(seed: int, sums: Make, time: Any, balanced: Make) -> None:
    chance = random.Random(seed)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # many more ways for the threads to interleave
    try:
        for _ in range(40):
            stream = Stream(sums(), Film(30, time), AHEAD, now_ns=time.now_ns)
            closing = threading.Thread(target=stream.close)
            left = chance.randrange(30)
            for _ in range(left):
                next(stream)
            closing.start()
            rest = list(stream)
            closing.join(WAIT_S)
            summary = stream.ledger.summary()
            balanced(summary)
            assert summary["in_flight"] == 0
            assert summary["delivered"] == left + len(rest)
    finally:
        sys.setswitchinterval(before)


def test_live_pictures_are_read_in_a_thread_anyway(sums: Make, pictures: Make) -> None:
    with pytest.raises(InputError, match="live pictures, which are read in a thread"):
        Stream(sums(), pictures(2, fps=100), Budget(ahead=True))


def test_sound_is_not_read_ahead(sums: Make, speech: Make) -> None:
    with pytest.raises(InputError, match="which gives no pictures"):
        Stream(sums(), speech(100), Budget(ahead=True))


def test_ahead_is_true_or_false() -> None:
    with pytest.raises(InputError, match="ahead: expected True or False, found 2"):
        Budget(ahead=2)  # type: ignore[arg-type]
