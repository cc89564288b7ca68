"""The newest frame of a live source, and the count of all others."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from edgemm.capture.live.grabber import Shot
from edgemm.errors import EdgemmError, SourceTimeout
from edgemm.log import RateLimitedLog
from edgemm.media import Color, Frame

SUPERSEDED = "superseded"
CORRUPT = "corrupt"
CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """captured = delivered + the sum of `lost` + waiting."""

    captured: int
    delivered: int
    waiting: int
    """1 while a frame is there that nobody has read."""
    lost: Mapping[str, int]
    """Reason -> frames."""


class NewestFrame:
    """A slot for one frame between the thread that captures and the one that reads, under one lock.

    Frames come from one owner at a time: what a connection that was left behind brings late is refused.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._lock = threading.Lock()
        self._fresh = threading.Condition(self._lock)
        self._owner: object = None
        self._frame: Frame | None = None
        self._captured = 0
        self._delivered = 0
        self._lost: dict[str, int] = {}
        self._log = RateLimitedLog()
        self._faults: dict[str, int] = {}
        self._trouble = ""
        self._error: EdgemmError | None = None
        self._closed = False

    def belong_to(self, owner: object) -> None:
        """From now on frames of `owner` are taken, and no others."""
        with self._lock:
            self._owner = owner

    def put(self, owner: object, shot: Shot, color: Color, corrupt: int) -> bool:
        """Takes a picture, before which so many were `corrupt`; False when it comes from no owner any more."""
        losses = [(CORRUPT, corrupt), (shot.why, shot.missed)] if corrupt or shot.missed else []
        with self._lock:
            if self._owner is not owner or self._closed:
                return False
            for reason, count in losses:
                self._lose(reason, count)
            if self._frame is not None:
                self._lost[SUPERSEDED] = self._lost.get(SUPERSEDED, 0) + 1
            layout: Color = "gray" if shot.pixels.ndim == 2 else color
            self._frame = Frame(shot.pixels, shot.captured_ns, self._captured, layout, self._uri)
            self._captured += 1
            self._trouble = ""
            self._fresh.notify()
        for reason, count in losses:
            self._tell(reason, count)
        return True

    def lose(self, owner: object, counts: Mapping[str, int]) -> None:
        """Counts pictures that came and cannot be read, reason -> how many; those of no owner are ignored."""
        with self._lock:
            if self._owner is not owner or self._closed:
                return
            for reason, count in counts.items():
                self._lose(reason, count)
        for reason, count in counts.items():
            self._tell(reason, count)

    def take(self, timeout_s: float | None) -> Frame | None:
        """The newest frame, waited for; None after `close()`.

        Raises:
            SourceTimeout: none within `timeout_s`.
            EdgemmError: the source has ended, as `fail()` said.
        """
        give_up = None if timeout_s is None else time.monotonic() + timeout_s
        with self._fresh:
            while self._frame is None and not self._closed and self._error is None:
                left_s = None if give_up is None else give_up - time.monotonic()
                if left_s is not None and left_s <= 0:
                    raise SourceTimeout(f"{self._uri}: no frame within {timeout_s:g} s{self._trouble}")
                self._fresh.wait(left_s)
            frame, self._frame = self._frame, None
            if frame is not None:
                self._delivered += 1
            elif not self._closed and self._error is not None:
                raise self._error
            return frame

    def fault(self, name: str, message: str = "") -> None:
        """Counts an event; `message` is logged, but not each time, and told to who waits in vain."""
        with self._lock:
            so_far = self._faults[name] = self._faults.get(name, 0) + 1
            self._trouble = f" ({message})" if message else self._trouble
        if message:
            self._log.warning(name, f"{self._uri}: {message} ({name}: {so_far} so far)")

    def fail(self, error: EdgemmError) -> None:
        """There will be no more frames."""
        with self._lock:
            self._owner = None
            self._error = error
            self._fresh.notify_all()

    def close(self) -> None:
        """There will be no more frames, and nobody wants them: one that waits is lost as "closed"."""
        with self._lock:
            self._closed = True
            self._owner = None
            if self._frame is not None:
                self._lost[CLOSED] = self._lost.get(CLOSED, 0) + 1
                self._frame = None
            self._fresh.notify_all()

    def counts(self) -> FrameCounts:
        """The account at this moment."""
        with self._lock:
            waiting = int(self._frame is not None)
            return FrameCounts(self._captured, self._delivered, waiting, dict(self._lost))

    def faults(self) -> dict[str, int]:
        """Event -> how often. Takes no lock: a signal handler may ask."""
        return dict(self._faults)

    def _lose(self, reason: str, count: int) -> None:
        """Frames that were captured and cannot be read."""
        if count:
            self._lost[reason] = self._lost.get(reason, 0) + count
            self._captured += count

    def _tell(self, reason: str, count: int) -> None:
        """Logs without the lock: whoever handles a message may ask for the account."""
        if count:
            message = f"{self._uri}: frames are lost ({reason}: {self._lost[reason]} so far)"
            self._log.warning(reason, message)
