"""Percentiles in fixed memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemm.stream.histogram import Histogram

pytestmark = pytest.mark.device


def test_no_times_have_no_percentile() -> None:
    assert Histogram().percentile(50) is None


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200), st.sampled_from([1, 50, 90, 99, 100]))
def test_a_percentile_is_never_too_low_and_at_most_one_percent_too_high(
    times: list[float], percent: int
) -> None:
    histogram = Histogram()
    for time_ms in times:
        histogram.add(time_ms)
    exact = float(np.percentile(times, percent, method="inverted_cdf"))
    found = histogram.percentile(percent)
    assert found is not None
    # 1e-9: rounding of the logarithm at the edge of a bucket
    assert exact * (1 - 1e-9) <= found <= max(exact * (1.01 + 1e-9), 0.001)


def test_count_and_total_are_exact() -> None:
    histogram = Histogram()
    for time_ms in (1.5, 2.5):
        histogram.add(time_ms)
    assert (histogram.count, histogram.total_ms, histogram.longest_ms) == (2, 4.0, 2.5)


def test_a_time_beyond_all_buckets_is_counted_in_the_last() -> None:
    histogram = Histogram()
    histogram.add(1e12)
    assert histogram.percentile(50) is not None
