"""When the frames of a video file are due."""

from __future__ import annotations

import math

_LONGEST_NS = 3600 * 10**9
"""An interval of more than an hour is a mistake in the file."""


class FrameTimes:
    """The file's own time of each frame, made to grow from frame to frame.

    Times of a file may jump: when it begins again, where recordings were joined, when a counter overflows. Such a
    frame comes at the usual interval after the one before it, and the times go on from there.
    """

    def __init__(self, interval_ns: int) -> None:
        """Args:
        interval_ns: the usual time between two frames.
        """
        self.moment_ns = 0
        """When the last frame is due, counted from the first."""
        self._interval_ns = interval_ns
        self._offset_ns: int | None = None

    def add(self, stamp_ms: float) -> None:
        """The next frame has this time in the file, which may be no number."""
        stamp_ns = round(stamp_ms * 1e6) if math.isfinite(stamp_ms) else 0
        if self._offset_ns is None:
            self._offset_ns = -stamp_ns
            return
        moment_ns = stamp_ns + self._offset_ns
        if not self.moment_ns < moment_ns <= self.moment_ns + _LONGEST_NS:
            moment_ns = self.moment_ns + self._interval_ns
            self._offset_ns = moment_ns - stamp_ns
        self.moment_ns = moment_ns
