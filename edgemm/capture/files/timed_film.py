"""The newest picture of a film whose pictures come at uneven times."""

from __future__ import annotations

from edgemm.capture.files.file_source import TimedReel
from edgemm.media import Captured


class TimedFilm:
    """Reads a reel by the clock: a picture that is due is passed over when its successor is due too.

    To know that, the successor is decoded; it is kept and comes next. Pictures that are far behind are passed over
    without being made into pixels.
    """

    def __init__(self, reel: TimedReel) -> None:
        self.overrun = 0
        """Pictures whose moment went by unread."""
        self.moment_ns = 0
        """When the picture that was given last is due, counted from the first one."""
        self._reel = reel
        self._usual_ns = self._longest_ns = round(1e9 / reel.fps)
        self._seen_ns = 0
        self._kept: Captured | None = None

    def read(self, passed_ns: int | None) -> Captured | None:
        """The picture that is the newest after so many nanoseconds of playing, or the next one to come; None at the
        end. Before playing has begun (`passed_ns` is None) it is the first."""
        picture, self._kept = self._kept or self._next(), None
        self.moment_ns = self._seen_ns
        while picture is not None and passed_ns is not None and self.moment_ns <= passed_ns:
            skipped = self._skip(passed_ns)
            following = self._next()
            if following is None and not skipped and passed_ns < self.moment_ns + self._usual_ns:
                return picture  # the last one, on time
            if following is not None and not skipped and self._seen_ns > passed_ns:
                self._kept = following
                return picture
            self.overrun += 1
            picture, self.moment_ns = following, self._seen_ns
        return picture

    def _skip(self, passed_ns: int) -> int:
        """Passes over pictures as long as the next two are surely due, by the longest interval so far."""
        skipped = 0
        while self._seen_ns + 2 * self._longest_ns <= passed_ns and self._reel.skip(1):
            skipped += 1
            self._see()
        self.overrun += skipped
        return skipped

    def _next(self) -> Captured | None:
        picture = self._reel.read()
        self._see()
        return picture

    def _see(self) -> None:
        before_ns, self._seen_ns = self._seen_ns, self._reel.moment_ns or 0
        self._longest_ns = max(self._longest_ns, self._seen_ns - before_ns)
