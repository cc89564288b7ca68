"""When sound was played: for microphones that shall not hear it."""

from __future__ import annotations

import threading
from collections import deque

KEPT_NS = 60_000_000_000
"""Older times are forgotten: no block of a microphone is so late."""
_JOINED_NS = 50_000_000


class SpokenTimes:
    """Intervals on CLOCK_MONOTONIC, from the handing over of the first sample to the end of the last at the converter.

    From any thread: one adds, others ask.
    """

    def __init__(self) -> None:
        self._times: deque[tuple[int, int]] = deque()
        self._lock = threading.Lock()

    def add(self, begin_ns: int, end_ns: int) -> None:
        """Sound from `begin_ns` to `end_ns`; what follows closely is joined."""
        with self._lock:
            if self._times and begin_ns <= self._times[-1][1] + _JOINED_NS:
                before = self._times.pop()
                begin_ns, end_ns = before[0], max(before[1], end_ns)
            self._times.append((begin_ns, end_ns))
            while self._times[0][1] < end_ns - KEPT_NS:
                self._times.popleft()

    def end(self, at_ns: int) -> None:
        """What was to sound after `at_ns` does not."""
        with self._lock:
            while self._times and self._times[-1][0] >= at_ns:
                self._times.pop()
            if self._times and self._times[-1][1] > at_ns:
                self._times[-1] = (self._times[-1][0], at_ns)

    def overlap(self, begin_ns: int, end_ns: int, tail_ns: int) -> bool:
        """True where anything sounded between the two, or not longer than `tail_ns` before."""
        with self._lock:
            return any(begin < end_ns and begin_ns < end + tail_ns for begin, end in self._times)
