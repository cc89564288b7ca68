"""Latency: warm-up is left out, the spread is said, time is limited."""

from __future__ import annotations

import itertools

from edgemm.converters.latency import COUNTED, FEWEST, WARM_UP, measure_latency, summarize


def test_the_first_inferences_are_not_counted() -> None:
    times = iter([9_000_000] * WARM_UP + [1_000_000] * COUNTED)
    found = measure_latency(lambda: next(times), clock_s=lambda: 0.0)
    assert (found.median_ms, found.p90_ms, found.runs) == (1.0, 1.0, COUNTED)


def test_a_model_that_ran_before_needs_no_warm_up() -> None:
    times = iter([2_000_000] * COUNTED)
    assert measure_latency(lambda: next(times), warm=True, clock_s=lambda: 0.0).runs == COUNTED


def test_a_slow_model_is_run_a_few_times() -> None:
    seconds = itertools.count()
    found = measure_latency(lambda: 5_000_000_000, clock_s=lambda: 10.0 * next(seconds))
    assert found.runs == FEWEST


def test_the_spread_is_from_p10_to_p90() -> None:
    found = summarize([each * 1_000_000 for each in range(1, 12)])
    assert (found.p10_ms, found.median_ms, found.p90_ms, found.runs) == (2.0, 6.0, 10.0, 11)
    assert str(found) == "6 ms (2 to 10)"
    assert found.to_json() == {"median_ms": 6.0, "p10_ms": 2.0, "p90_ms": 10.0, "runs": 11}


def test_short_times_keep_their_digits() -> None:
    assert str(summarize([28_123, 36_100, 38_400])).startswith("0.0361 ms")
