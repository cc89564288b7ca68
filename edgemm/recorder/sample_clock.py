"""Samples against the clock: when a block was captured, and how many samples never came.

A block cannot arrive before it was captured, only later, by hundreds of milliseconds under load. So the
earliest of a second or two tell where the device is; when they all are later than they were, by more than
two clocks drift apart, samples are missing. That is asked twice, of the moments when blocks came and of those
when PortAudio says that they were heard; only what both miss is missing.
"""

from __future__ import annotations

_S = 1_000_000_000
MISSING_NS = 40_000_000
"""Lateness above which samples are missing. A healthy PulseAudio on a machine in trouble was seen to waver by
18 ms. Smaller losses add up until they are found."""
DRIFT_PPM = 300
"""What a sound card's clock may be off, with some to spare: cheap crystals are within 100."""
BUCKET_NS = _S // 4
BUCKETS = 6
"""So much time without a hole is looked at before anything is said to be missing."""
MAX_DELAY_NS = 5 * _S
"""A block that claims to be older than that is not believed."""


class SampleClock:
    """Compares positions of one stream with CLOCK_MONOTONIC."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._arrivals, self._captures = _Lateness(), _Lateness()
        self._began_ns: int | None = None
        self._bucket = 0
        self._offset_ns: int | None = None

    def missing(self, position: int, frames: int, arrived_ns: int, delay_ns: int) -> int:
        """Samples that are missing before this block and were not told before.

        Args:
            position: of the first sample, what was missing so far counted in.
            frames: samples in the block.
            arrived_ns: when it came.
            delay_ns: how old PortAudio says that its first sample was then.
        """
        bucket = arrived_ns // BUCKET_NS
        if self._began_ns is None:
            self._began_ns, self._bucket = arrived_ns, bucket
        found = 0
        if bucket != self._bucket:
            found = self._judge(whole=bucket == self._bucket + 1)
            self._bucket = bucket
        moved_ns = self._duration_ns(position + found)
        self._arrivals.add(arrived_ns - self._duration_ns(frames) - moved_ns)
        self._captures.add(self._said_ns(frames, arrived_ns, delay_ns) - moved_ns)
        return found

    def captured_ns(self, position: int, frames: int, arrived_ns: int, delay_ns: int) -> int:
        """When the first sample was heard: what PortAudio says where that can be, without its jitter.

        Never later than the block's length before it came. Drivers err in the first second of a stream,
        so that it follows them faster there.
        """
        length_ns = self._duration_ns(frames)
        offset_ns = self._said_ns(frames, arrived_ns, delay_ns) - self._duration_ns(position)
        if self._offset_ns is not None:
            new = arrived_ns - (self._began_ns or 0) < _S
            step_ns = length_ns // (2 if new else 20)
            offset_ns = min(max(offset_ns, self._offset_ns - step_ns), self._offset_ns + step_ns)
        self._offset_ns = offset_ns
        return min(self._duration_ns(position) + offset_ns, arrived_ns - length_ns)

    def _said_ns(self, frames: int, arrived_ns: int, delay_ns: int) -> int:
        """The moment of the first sample by PortAudio's word, or by the block's arrival where that is absurd."""
        length_ns = self._duration_ns(frames)
        return arrived_ns - (delay_ns if length_ns <= delay_ns <= MAX_DELAY_NS else length_ns)

    def _judge(self, *, whole: bool) -> int:
        """A quarter of a second is over; `whole` when the next one follows it without a hole."""
        both = (self._arrivals, self._captures)
        excess_ns = min(lateness.end_bucket(whole=whole) for lateness in both)
        if excess_ns <= MISSING_NS:
            for lateness in both:
                lateness.follow()
            return 0
        for lateness in both:
            lateness.forget()
        return round(excess_ns * self._rate / _S)

    def _duration_ns(self, samples: int) -> int:
        return samples * _S // self._rate


class _Lateness:
    """How late the earliest of each of the last quarter seconds were, against where they should be."""

    def __init__(self) -> None:
        self._lows: list[int] = []
        self._low_ns: int | None = None
        self._level_ns: int | None = None

    def add(self, late_ns: int) -> None:
        """One more in this quarter second."""
        self._low_ns = late_ns if self._low_ns is None else min(self._low_ns, late_ns)

    def end_bucket(self, *, whole: bool) -> int:
        """Nanoseconds above the level; 0 while there is too little to tell."""
        if self._low_ns is not None:
            self._lows = [*self._lows[1 - BUCKETS :], self._low_ns]
        self._low_ns = None
        if not whole:  # after a hole in the arrivals come those that waited
            self.forget()
        if len(self._lows) < BUCKETS or self._level_ns is None:
            return 0
        return min(self._lows) - self._level_ns

    def follow(self) -> None:
        """The level goes with the earliest: down at once, up no faster than clocks drift."""
        if len(self._lows) < BUCKETS:
            return
        low_ns = min(self._lows)
        if self._level_ns is None:
            self._level_ns = low_ns
        self._level_ns = min(low_ns, self._level_ns + BUCKET_NS * DRIFT_PPM // 1_000_000)

    def forget(self) -> None:
        """Waits for new ones."""
        self._lows = []
