"""The newest picture of a film whose pictures come at uneven times."""

from __future__ import annotations

from edgemm.capture.files.file_source import TimedReel
from edgemm.media import Captured


class TimedFilm:
    """Reads a reel by the clock: a picture that is due is passed over when its successor is due too.

    To know that, the successor is decoded; it is kept and comes next.
    """

    def __init__(self, reel: TimedReel) -> None:
        self.overrun = 0
        """Pictures whose moment went by unread."""
        self.moment_ns = 0
        """When the picture that was given last is due, counted from the first one."""
        self._reel = reel
        self._usual_ns = round(1e9 / reel.fps)
        self._seen_ns = 0
        self._kept: Captured | None = None

    def read(self, passed_ns: int | None) -> Captured | None:
        """The picture that is the newest after so many nanoseconds of playing, or the next one to come; None at the
        end. Before playing has begun (`passed_ns` is None) it is the first."""
        picture, self._kept = self._kept or self._next(), None
        self.moment_ns = self._seen_ns
        while picture is not None and passed_ns is not None and self.moment_ns <= passed_ns:
            following = self._next()
            if following is None and passed_ns < self.moment_ns + self._usual_ns:
                return picture  # the last one, on time
            if following is not None and self._seen_ns > passed_ns:
                self._kept = following
                return picture
            self.overrun += 1
            picture, self.moment_ns = following, self._seen_ns
        return picture

    def _next(self) -> Captured | None:
        picture = self._reel.read()
        self._seen_ns = self._reel.moment_ns or 0
        return picture
