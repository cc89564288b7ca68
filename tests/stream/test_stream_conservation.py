"""Captured = delivered + dropped + in flight: at every moment, under every fault."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sweep import WHOLE

from edgemm.errors import EdgemmError
from edgemm.media import Captured
from edgemm.stream.budget import Budget
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

Make = Callable[..., Any]
MANY = 10_000 if WHOLE else 3_000
"""Pictures read at full speed by a thread."""
FAULTS = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Trouble:
    """What happens before each item: time passes, the model fails, the account is looked at."""

    def __init__(self, seed: int, time: Any, failure: type[EdgemmError], audit: Callable[[], None]) -> None:
        self.draw = random.Random(seed)
        self.time, self.failure, self.audit = time, failure, audit
        self.fails = self.draw.choice([0, 0.01, 0.3])
        self.slow_ms = self.draw.choice([0, 5, 40])

    def __call__(self, item: Captured) -> None:
        self.audit()
        self.time.pass_ms(self.draw.random() * self.slow_ms)
        if self.draw.random() < self.fails:
            raise self.failure("on purpose")


def drain(stream: Stream, count: int, failure: type[EdgemmError], each: Callable[[], None]) -> None:
    """Takes up to `count` items, whatever fails in between."""
    for _ in range(count):
        try:
            if next(stream, None) is None:
                return
        except failure:
            pass
        each()


@FAULTS
@given(seed=st.integers(0, 2**32), on_late=st.sampled_from(["deliver", "drop"]), live=st.booleans())
def test_pictures_in_line(
    pictures: Make, sums: Make, time: Any, balanced: Make, failure: type[EdgemmError],
    seed: int, on_late: Any, live: bool,
) -> None:  # fmt: skip
    source = pictures(7, loop=True, bad=(3,), fps=100 if live else None)
    session = sums(before=Trouble(seed, time, failure, lambda: balanced(stream.ledger.summary())))
    stream = Stream(session, source, Budget(20, "all", on_late), now_ns=time.now_ns)
    drain(stream, 500, failure, lambda: balanced(stream.ledger.summary()))
    stream.close()
    balanced(stream.ledger.summary())
    assert stream.ledger.summary()["captured"] >= 500
    assert stream.ledger.summary()["in_flight"] == 0


@FAULTS
@given(seed=st.integers(0, 2**32), window=st.sampled_from([3, 8, 100]), live=st.booleans())
def test_sound(
    speech: Make, sums: Make, time: Any, balanced: Make, failure: type[EdgemmError],
    seed: int, window: int, live: bool,
) -> None:  # fmt: skip
    source = speech(2000, 5, 1001, block_ms=1, live=live)
    session = sums(
        window=window, before=Trouble(seed, time, failure, lambda: balanced(stream.ledger.summary()))
    )
    stream = Stream(session, source, Budget(20, on_late="drop"), now_ns=time.now_ns)
    drain(stream, 20_000, failure, lambda: balanced(stream.ledger.summary()))
    summary = stream.ledger.summary()
    assert summary["captured"] == 250 + 1 + 126
    assert summary["samples"]["captured"] == 2000 + 5 + 1001 + 2
    assert summary["samples"]["dropped"].keys() <= {"gap", "next-file", "failed"}
    balanced(summary)


@pytest.mark.parametrize("seed", range(3))
def test_the_newest_wins_between_threads(
    pictures: Make, sums: Make, time: Any, balanced: Make, failure: type[EdgemmError], seed: int
) -> None:
    """A reader at full speed, a consumer that fails and is slow, an auditor, and one who closes: the clock
    is the only thing that is not real."""
    source = pictures(5, loop=True, bad=(2,), fps=1000)
    session = sums(before=Trouble(seed, time, failure, lambda: None))
    stream = Stream(session, source, Budget(50, on_late="drop"), owns_source=True, now_ns=time.now_ns)
    wrong: list[BaseException] = []

    def audit() -> None:
        try:
            while (summary := stream.ledger.summary())["captured"] < MANY:
                balanced(summary)
        except BaseException as error:  # noqa: BLE001 - raised again below
            wrong.append(error)
        stream.close()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # many more ways for the threads to interleave
    auditor = threading.Thread(target=audit)
    try:
        auditor.start()
        drain(stream, 10**9, failure, lambda: None)
        auditor.join(60)
    finally:
        sys.setswitchinterval(before)
    assert wrong == []
    summary = stream.ledger.summary()
    balanced(summary)
    assert summary["captured"] >= MANY
    assert summary["in_flight"] == 0
    assert {"superseded", "unreadable"} <= summary["dropped"].keys()


def test_ten_thousand_blocks_lose_no_sample(speech: Make, sums: Make, time: Any, balanced: Make) -> None:
    with Stream(sums(window=160), speech(80_000, block_ms=1), now_ns=time.now_ns) as stream:
        results = sum(1 for _ in stream)
        summary = stream.ledger.summary()
    assert results == 80_000 // 80 - 1
    assert (summary["captured"], summary["delivered"]) == (10_000, 10_000)
    assert summary["samples"] == {"captured": 80_000, "delivered": 80_000, "dropped": {}, "in_flight": 0}
