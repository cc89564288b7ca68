"""The account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edgemm.media import AudioBlock, Captured, Frame
from edgemm.stream.ledger import Ledger

pytestmark = pytest.mark.device


def frame() -> Frame:
    return Frame(np.zeros((1, 1), np.uint8), 0, 0, "gray")


def block(samples: int = 80, gap: int = 0) -> AudioBlock:
    return AudioBlock(np.zeros(samples, np.float32), 8000, 0, 0, gap)


def deliver(ledger: Ledger, item: Captured, age_ms: float = 1.0, **options: Any) -> bool:
    return ledger.deliver(
        item, **{"first": True, "age_ms": age_ms, "late": False, "stages_ms": {}, **options}
    )


def test_a_new_ledger_is_empty_and_knows_no_age() -> None:
    summary = Ledger().summary()
    assert (summary["captured"], summary["dropped"], summary["p50_ms"]) == (0, {}, None)


def test_an_item_is_in_flight_until_it_is_delivered() -> None:
    ledger, item = Ledger(), frame()
    ledger.capture(item)
    assert ledger.summary()["in_flight"] == 1
    deliver(ledger, item)
    summary = ledger.summary()
    assert (summary["in_flight"], summary["delivered"], summary["results"]) == (0, 1, 1)


def test_each_drop_has_its_reason() -> None:
    ledger = Ledger()
    for reason in ("late", "stale", "late"):
        item = frame()
        ledger.capture(item)
        ledger.drop(item, reason)
    assert ledger.summary()["dropped"] == {"late": 2, "stale": 1}


def test_what_the_source_lost_is_captured_and_dropped() -> None:
    ledger = Ledger()
    ledger.capture(frame(), {"overrun": 3})
    summary = ledger.summary()
    assert (summary["captured"], summary["dropped"], summary["in_flight"]) == (4, {"overrun": 3}, 1)


def test_sound_is_counted_in_samples_too_and_gaps_are_lost() -> None:
    ledger, first, second = Ledger(), block(80), block(40, gap=7)
    ledger.capture(first)
    ledger.take_in(first, {})
    ledger.capture(second)
    assert ledger.summary()["samples"] == {
        "captured": 127,
        "delivered": 80,
        "dropped": {"gap": 7},
        "in_flight": 40,
    }


def test_a_gap_is_counted_under_the_reason_that_its_block_gives() -> None:
    ledger = Ledger()
    ledger.capture(replace(block(80, gap=7), gap_reason="overflow"))
    assert ledger.summary()["samples"]["dropped"] == {"overflow": 7}


def test_what_is_withheld_counts_at_once_and_not_again_with_the_gap_that_holds_it() -> None:
    ledger = Ledger()
    assert ledger.withhold({"silence": 30})
    assert not ledger.withhold({"silence": 30})
    assert ledger.summary()["samples"]["dropped"] == {"silence": 30}
    ledger.capture(replace(block(80, gap=57), gap_reason="overflow"), None, {"silence": 50})
    samples = ledger.summary()["samples"]
    assert samples["dropped"] == {"silence": 50, "overflow": 7}
    assert samples["captured"] == 57 + 80
    ledger.capture(block(80, gap=5), None, {"silence": 50})
    assert ledger.summary()["samples"]["dropped"] == {"silence": 50, "overflow": 7, "gap": 5}


def test_a_further_result_of_one_block_counts_no_sample_twice() -> None:
    ledger, item = Ledger(), block(80)
    ledger.capture(item)
    deliver(ledger, item)
    deliver(ledger, item, first=False)
    summary = ledger.summary()
    assert (summary["delivered"], summary["results"], summary["samples"]["delivered"]) == (1, 2, 80)


def test_pictures_have_no_samples() -> None:
    ledger = Ledger()
    ledger.capture(frame())
    assert "samples" not in ledger.summary()


def test_ages_and_stages_have_percentiles() -> None:
    ledger = Ledger()
    for age_ms in range(1, 101):
        item = frame()
        ledger.capture(item)
        deliver(ledger, item, float(age_ms), late=age_ms > 95, stages_ms={"infer": age_ms / 2})
    summary = ledger.summary()
    assert summary["late"] == 5
    assert summary["p50_ms"] == pytest.approx(50, rel=0.01)  # the histogram's own step
    assert summary["p99_ms"] == pytest.approx(99, rel=0.01)
    assert summary["stages_ms"]["infer"] == pytest.approx(25, rel=0.01)
    assert summary["stages_total_ms"] == {"infer": 2525.0}


def test_closing_drops_what_is_in_flight_and_ends_the_account(
    balanced: Callable[[dict[str, Any]], None],
) -> None:
    ledger, item = Ledger(), block(80)
    ledger.capture(item)
    ledger.close()
    closed = ledger.summary()
    assert closed["dropped"] == {"closed": 1}
    assert closed["samples"]["dropped"] == {"closed": 80}
    assert not deliver(ledger, item)
    assert not ledger.capture(frame())
    ledger.drop(item, "late")
    ledger.take_in(item, {})
    ledger.lose({"overrun": 1})
    ledger.withhold({"silence": 1})
    ledger.close()
    assert ledger.summary() == closed
    balanced(closed)


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order, the account is balanced, in items and in samples."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.flying: list[Captured] = []
        self.captured = 0
        self.closed = False

    @rule(samples=st.integers(0, 50), gap=st.integers(0, 3), lost=st.integers(0, 3))
    def capture_sound(self, samples: int, gap: int, lost: int) -> None:
        self.capture(block(samples, gap), lost)

    @rule(lost=st.integers(0, 3))
    def capture_picture(self, lost: int) -> None:
        self.capture(frame(), lost)

    def capture(self, item: Captured, lost: int) -> None:
        if self.ledger.capture(item, {"lost": lost} if lost else {}):
            self.flying.append(item)
            self.captured += 1 + lost
        assert self.closed or item in self.flying

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0), how=st.sampled_from(["drop", "take_in", "deliver"]), late=st.booleans())
    def settle(self, which: int, how: str, late: bool) -> None:
        item = self.flying.pop(which % len(self.flying))
        if how == "drop":
            self.ledger.drop(item, "late" if late else "failed")
        elif how == "take_in":
            self.ledger.take_in(item, {"preprocess": 1.0})
        else:
            assert deliver(self.ledger, item, late=late) != self.closed

    @rule()
    def further_result(self) -> None:
        deliver(self.ledger, block(10), first=False)

    @precondition(lambda self: self.captured > 5)
    @rule()
    def close(self) -> None:
        self.ledger.close()
        self.closed = True

    @invariant()
    def balance(self) -> None:
        summary = self.ledger.summary()
        for account in (summary, summary.get("samples", summary)):
            dropped = sum(account["dropped"].values())
            assert account["captured"] == account["delivered"] + dropped + account["in_flight"]
        assert summary["captured"] == self.captured
        assert summary["in_flight"] == (0 if self.closed else len(self.flying))


AnyOrder.TestCase.settings = settings(
    max_examples=60, stateful_step_count=60, deadline=None, derandomize=True
)
TestAnyOrder = AnyOrder.TestCase
