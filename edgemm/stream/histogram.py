"""Times in a fixed amount of memory, for percentiles over a stream that never ends."""

from __future__ import annotations

import math
from array import array

import numpy as np

_SMALLEST_MS = 0.001
_GROWTH = math.log(1.01)
_BUCKETS = 2500
"""1 microsecond to 17 hours in steps of 1 %."""


class Histogram:
    """Counts times in buckets that are each 1 % wide; 20 kB, however many there are."""

    __slots__ = ("_buckets", "count", "longest_ms", "total_ms")

    def __init__(self) -> None:
        self._buckets = array("Q", bytes(8 * _BUCKETS))
        self.count = 0
        self.total_ms = 0.0
        self.longest_ms = 0.0

    def add(self, time_ms: float) -> None:
        """Counts one time, milliseconds."""
        bucket = int(math.log(time_ms / _SMALLEST_MS) / _GROWTH) + 1 if time_ms > _SMALLEST_MS else 0
        self._buckets[min(bucket, _BUCKETS - 1)] += 1
        self.count += 1
        self.total_ms += time_ms
        self.longest_ms = max(self.longest_ms, time_ms)

    def percentile(self, percent: float) -> float | None:
        """The smallest time, milliseconds, that at least `percent` % of all times do not exceed, never
        too low and at most 1 % (or 1 microsecond) too high. None when nothing was counted."""
        if not self.count:
            return None
        rank = max(1, math.ceil(self.count * percent / 100))
        so_far = np.cumsum(np.frombuffer(self._buckets, np.uint64))
        bucket = int(np.searchsorted(so_far, rank))
        return min(_SMALLEST_MS * math.exp(bucket * _GROWTH), self.longest_ms)
