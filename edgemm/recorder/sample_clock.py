"""Samples against the clock: when a block was captured, and how many samples never came.

A block cannot arrive before it was captured, only later, by hundreds of milliseconds under load. So the
earliest arrivals of a second tell where the device is, to a fraction of a millisecond; when they all are
later than they were, by more than two clocks drift apart, samples are missing.
"""

from __future__ import annotations

_S = 1_000_000_000
MISSING_NS = 15_000_000
"""Lateness above which samples are missing. Smaller losses add up until they are found."""
DRIFT_PPM = 300
"""What a sound card's clock may be off, with some to spare: cheap crystals are within 100."""
BUCKET_NS = _S // 4
BUCKETS = 4
"""A second without a hole is looked at before anything is said to be missing."""
MAX_DELAY_NS = 2 * _S
"""A block that claims to be older than that is not believed."""


class SampleClock:
    """Compares positions of one stream with CLOCK_MONOTONIC."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._start_ns: int | None = None
        self._started_ns = 0
        self._level_ns = 0
        self._lows: list[int] = []
        self._bucket = 0
        self._low_ns = 0
        self._offset_ns: int | None = None
        self._new = True

    def missing(self, position: int, frames: int, arrived_ns: int) -> int:
        """Samples that are missing before this block and were not told before.

        Args:
            position: of the first sample, what was missing so far counted in.
            frames: samples in the block.
            arrived_ns: when it came.
        """
        end_ns = arrived_ns - self._duration_ns(position + frames)
        if self._start_ns is None:
            self._start_ns, self._started_ns = end_ns, arrived_ns
            self._bucket = arrived_ns // BUCKET_NS
        late_ns = end_ns - self._start_ns
        self._new = arrived_ns - self._started_ns < _S
        bucket = arrived_ns // BUCKET_NS
        if bucket == self._bucket:
            self._low_ns = min(self._low_ns, late_ns)
            return 0
        found = self._end_bucket(whole=bucket == self._bucket + 1)
        self._bucket = bucket
        self._low_ns = late_ns - round(found * _S / self._rate)
        return found

    def captured_ns(self, position: int, frames: int, arrived_ns: int, delay_ns: int) -> int:
        """When the first sample was heard: what PortAudio says where that can be, without its jitter.

        Never later than the block's length before it came. Drivers err in the first second of a stream,
        so that it follows them faster there.
        """
        length_ns = self._duration_ns(frames)
        latest_ns = arrived_ns - length_ns
        said_ns = arrived_ns - delay_ns if length_ns <= delay_ns <= MAX_DELAY_NS else latest_ns
        offset_ns = said_ns - self._duration_ns(position)
        if self._offset_ns is not None:
            step_ns = length_ns // (2 if self._new else 20)
            offset_ns = min(max(offset_ns, self._offset_ns - step_ns), self._offset_ns + step_ns)
        self._offset_ns = offset_ns
        return min(self._duration_ns(position) + offset_ns, latest_ns)

    def _end_bucket(self, *, whole: bool) -> int:
        """A quarter of a second is over; `whole` when the next one follows it without a hole."""
        self._lows = [*self._lows[1 - BUCKETS :], self._low_ns]
        if not whole:  # after a hole in the arrivals come those that waited
            self._lows = []
        if len(self._lows) < BUCKETS:
            return 0
        low_ns = min(self._lows)
        late_ns = low_ns - self._level_ns
        if late_ns > MISSING_NS:
            self._lows = []
            return round(late_ns * self._rate / _S)
        self._level_ns += min(late_ns, BUCKET_NS * DRIFT_PPM // 1_000_000)
        return 0

    def _duration_ns(self, samples: int) -> int:
        return samples * _S // self._rate
