"""One connection to a live source: a grabber in a thread of its own, and time limits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from edgemm.capture.live.freeze import FreezeDetector
from edgemm.capture.live.grabber import Grabber, Lost
from edgemm.capture.live.newest import NewestFrame
from edgemm.capture.live.timeouts import Timeouts
from edgemm.capture.uri import without_secrets
from edgemm.errors import (
    EdgemmError,
    InputError,
    MissingDependency,
    SourceError,
    SourceLost,
    SourceTimeout,
    UnknownSource,
)
from edgemm.exit_guard import guard_exit

guard_exit()

OPEN_FAILED, CLOSED, STALLED, FROZEN = "open-failed", "closed", "stalled", "frozen"
_MISSES = 16
"""Failed grabs in a row, each at once, after which a connection has ended. A bad picture fails once, and takes
the time that a picture takes."""
_AT_ONCE_NS = 5_000_000
_PICTURE_NS = 1_000_000_000
"""A grab that fails after so long was waiting for a picture: it is not counted as a corrupt one."""


class Connection:
    """Grabs until the driver ends, another connection takes over, or a time limit passes.

    A driver may hang in any call. The thread is then left behind: it is a daemon, and when the driver
    comes back to it, what it brings is refused and it frees the driver itself.
    """

    def __init__(
        self,
        uri: str,
        grabber: Grabber,
        frames: NewestFrame,
        timeouts: Timeouts,
        on_first_frame: Callable[[Connection], object],
        is_first: bool,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.opened = threading.Event()
        """Set once the driver has opened, and when it will not."""
        self.given = ""
        """What the driver gave, in words."""
        self.frames = 0
        """Frames that have come."""
        self.error: EdgemmError | None = None
        self.fatal = False
        """True for an error that another attempt does not cure: a package that is missing, a wrong option."""
        self._uri = uri
        self._grabber = grabber
        self._newest = frames
        self._timeouts = timeouts
        self.is_first = is_first
        """True for the first connection of a source."""
        self._on_first_frame = on_first_frame
        self._now_ns = now_ns
        self._still = FreezeDetector() if timeouts.frozen_s is not None else None
        self._limit_s = timeouts.open_s
        self._alive_ns = now_ns()
        self._reason = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"edgemm grabs {uri}", daemon=True)

    def start(self) -> None:
        """Begins to open, and then to grab."""
        self._newest.belong_to(self)
        self._thread.start()

    def watch(self) -> str:
        """Waits until it is over; returns why: "open-failed", "closed", "stalled" or "frozen"."""
        self.opened.wait(self._limit_s)  # from then on another limit holds
        while not self._over.wait(max(0.0, self._left_s())):
            if self._left_s() <= 0:
                self._give_up()
        self.opened.set()
        return self._reason

    def stop(self) -> None:
        """Ends the watch, from any thread."""
        self._over.set()
        self.opened.set()

    def gone(self, wait_s: float) -> bool:
        """True when the driver is free again, for which it is waited so long; False when it hangs."""
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _left_s(self) -> float:
        return self._limit_s - (self._now_ns() - self._alive_ns) / 1e9

    def _give_up(self) -> None:
        self._newest.belong_to(None)
        self._over.set()
        if self.given:
            self._reason = STALLED
            self.error = SourceLost(f"{self._uri}: no frame for {self._timeouts.timeout_s:g} s")
        else:
            self._reason = OPEN_FAILED
            self.error = SourceTimeout(f"{self._uri} did not open within {self._timeouts.open_s:g} s")

    def _run(self) -> None:
        try:
            given = self._grabber.open()
            self._alive_ns, self._limit_s = self._now_ns(), self._timeouts.timeout_s
            self.given = given or "open"
            self.opened.set()
            self._grab_all()
        except (InputError, MissingDependency, UnknownSource) as error:
            self.fatal = True
            self._fail(error)
        except SourceError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - a driver's own errors are of any kind
            self._fail(SourceLost(f"{self._uri}: {type(error).__name__}: {without_secrets(str(error))}"))
        finally:
            self._over.set()
            self.opened.set()
            self._grabber.close()

    def _fail(self, error: EdgemmError) -> None:
        if not self._over.is_set():
            self._reason = CLOSED if self.given else OPEN_FAILED
            self.error = error

    def _grab_all(self) -> None:
        misses = quick = 0
        while not self._over.is_set():
            begun_ns = self._now_ns()
            shot = self._grabber.grab()
            now_ns = self._now_ns()
            if isinstance(shot, Lost):
                self._newest.lose(self, shot.counts)
                continue
            if shot is None:
                misses += now_ns - begun_ns < _PICTURE_NS
                quick = quick + 1 if now_ns - begun_ns < _AT_ONCE_NS else 0
                if quick >= _MISSES:
                    return self._end(now_ns)
                continue
            if not self.frames and not self._over.is_set():
                self._on_first_frame(self)  # counted before anybody can have read the frame
            if not self._newest.put(self, shot, self._grabber.color, misses):
                return None
            self.frames += 1
            misses = quick = 0
            self._alive_ns = now_ns
            if self._froze(shot.pixels, now_ns):
                return None
        return None

    def _end(self, now_ns: int) -> None:
        """The driver gives nothing, at once, again and again: it gave up waiting, or the other side closed."""
        silent_s = (now_ns - self._alive_ns) / 1e9
        if silent_s >= 0.9 * self._timeouts.timeout_s:
            self._reason, what = STALLED, f"no frame for {silent_s:.1f} s"
        else:
            self._reason, what = CLOSED, "nothing comes any more"
        self.error = SourceLost(f"{self._uri}: {what}")

    def _froze(self, pixels: object, now_ns: int) -> bool:
        if self._still is None or self._timeouts.frozen_s is None:
            return False
        still_s = self._still.still_ns(pixels, now_ns) / 1e9  # type: ignore[arg-type]
        if still_s < self._timeouts.frozen_s:
            return False
        self._reason = FROZEN
        self.error = SourceLost(f"{self._uri}: the same picture, bit by bit, for {still_s:.1f} s")
        return True
