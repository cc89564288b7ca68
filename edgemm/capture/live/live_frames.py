"""Cameras and network video as a source: the newest frame, whatever the driver does."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from edgemm.capture.live.connection import Connection
from edgemm.capture.live.grabber import Grabber
from edgemm.capture.live.newest import FrameCounts, NewestFrame
from edgemm.capture.live.timeouts import Backoff, Timeouts
from edgemm.errors import EdgemmError, SourceLost, SourceNotFound
from edgemm.lifecycle import Lifecycle
from edgemm.log import LOG
from edgemm.media import Frame

if TYPE_CHECKING:
    from typing_extensions import Self

_RELEASE_S = 1.0
"""So long a driver may take to be freed, before its thread is left behind."""
_MOST_LEFT = 4
"""With so many threads that hang in a driver, no further one is begun."""


class LiveFrames:
    """A camera or a stream that is read all the time, and whose newest frame is handed out.

    One thread grabs, a second watches it: a connection that ends, stalls or hangs is replaced by a new one,
    after a wait that grows from 0.25 s to 8 s. The first connection must succeed, unless `Timeouts.wait` says
    that the source need not be there yet: it is then tried in the same way until it comes.

    `faults` counts events: "open-failed", "closed" (the other side ended it), "stalled" (no frame in time),
    "frozen" (the same picture for too long), "left-behind" (the driver hangs; its thread was left), "appeared"
    (a source that was waited for has come), and "reconnected".
    """

    modality: Literal["image", "audio", "text"] = "image"
    live = True
    keeps_newest = True

    def __init__(
        self,
        uri: str,
        grabber: Callable[[], Grabber],
        timeouts: Timeouts | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """Opens it, and begins to grab.

        Args:
            uri: its name, without credentials.
            grabber: makes one for each connection.
            timeouts: what counts as a fault, and what is done about it.
            backoff: the waits between attempts.

        Raises:
            SourceError: it cannot be opened, and is not waited for.
        """
        self.uri = uri
        self._make = grabber
        self._timeouts = timeouts or Timeouts()
        self._backoff = backoff or Backoff()
        self._frames = NewestFrame(uri)
        self._stop = threading.Event()
        self._left: list[Connection] = []
        self._since_s = time.monotonic()
        self._came = False
        self._awaited = False
        self._life = Lifecycle(uri, "open it")
        self._connection = self._connect(is_first=True)
        self._watcher = threading.Thread(target=self._watch, name=f"edgemm watches {uri}", daemon=True)
        self._watcher.start()
        atexit.register(self.close)
        if self._timeouts.wait:
            return
        self._connection.opened.wait()
        if not self._connection.given:
            error = self._connection.error
            self.close()
            raise error or SourceLost(f"{uri} was closed while it opened")
        LOG.info("%s: %s", uri, self.given)

    @property
    def given(self) -> str:
        """What the driver gave, in words: "1280x720 at 30/s MJPG"; "" before it has opened."""
        return self._connection.given

    @property
    def awaited(self) -> bool:
        """True while it is not there, has never been, and is waited for."""
        return self._awaited

    @property
    def lost(self) -> Mapping[str, int]:
        """Reason -> frames: "superseded" by a newer one before they were read, "corrupt", what the driver lost."""
        return self._frames.counts().lost

    @property
    def faults(self) -> Mapping[str, int]:
        """Event -> how often."""
        return self._frames.faults()

    def counts(self) -> FrameCounts:
        """The account at this moment, for any thread."""
        return self._frames.counts()

    def read(self, timeout_s: float | None = None) -> Frame | None:
        """The newest frame, waited for when it has been read already; None after `close()`.

        Raises:
            SourceTimeout: none came within `timeout_s`; the source goes on trying.
            SourceLost: it ended, and is not to be connected again, or was tried often enough.
            InputError: this process was forked after it was opened.
        """
        self._life.check_process()
        return self._frames.take(timeout_s)

    def close(self) -> None:
        """Ends both threads and frees the driver; one that hangs is left behind."""
        if self._life.forked:
            return
        self._stop.set()
        self._frames.close()
        self._connection.stop()
        atexit.unregister(self.close)
        if threading.current_thread() is not self._watcher:
            self._watcher.join(2 * _RELEASE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _watch(self) -> None:
        """One connection after the other."""
        failed = 0
        while not self._stop.is_set():
            connection = self._connection
            connection.start()
            reason = connection.watch()
            free = connection.gone(_RELEASE_S)
            if self._stop.is_set() or self._must_raise(connection):
                return None
            self._count(connection, reason, free)
            failed = 1 if connection.frames else failed + 1
            if connection.fatal or failed > self._timeouts.attempts:
                self._awaited = False
                return self._frames.fail(self._final(connection))
            self._wait_before_next(connection)
            self._connection = self._connect()
        return None

    def _must_raise(self, connection: Connection) -> bool:
        """True when the source did not open at first and is not waited for: `__init__` raises the error."""
        return connection.is_first and not connection.given and not self._timeouts.wait

    def _connect(self, *, is_first: bool = False) -> Connection:
        return Connection(
            self.uri, self._make(), self._frames, self._timeouts, self._on_first_frame, is_first
        )

    def _on_first_frame(self, connection: Connection) -> None:
        """The first frame of a connection has come."""
        came, self._came, self._awaited = self._came, True, False
        if connection.is_first:
            return
        if came or not self._timeouts.wait:
            self._frames.fault("reconnected")
            LOG.info("%s: frames come again", self.uri)
        else:
            self._frames.fault("appeared")
            LOG.warning("%s: is there now, after %.1f s", self.uri, time.monotonic() - self._since_s)

    def _count(self, connection: Connection, reason: str, free: bool) -> None:
        """Counts why a connection is over, and says so."""
        what = str(connection.error).removeprefix(f"{self.uri}: ").removeprefix(f"{self.uri!r}: ")
        self._awaited = self._timeouts.wait and not self._came
        self._frames.fault(reason, f"{what}; waiting for it" if self._awaited else what)
        if not free:
            self._left.append(connection)
            self._frames.fault("left-behind", f"{what}; the driver hangs, and its thread is left behind")

    def _final(self, connection: Connection) -> EdgemmError:
        if connection.fatal and connection.error is not None:
            return connection.error
        attempts = self._timeouts.attempts
        gave_up = f"given up after {attempts:g} attempts to reconnect" if attempts else "reconnecting is off"
        kind = SourceLost if self._came or not self._timeouts.wait else SourceNotFound
        error = kind(f"{connection.error}; {gave_up}")
        error.__cause__ = connection.error
        return error

    def _wait_before_next(self, connection: Connection) -> None:
        """Longer after each failure, and until there are not too many threads that hang."""
        if connection.frames:
            self._backoff.reset()
        wait_s = self._backoff.next_s()
        while not self._stop.wait(wait_s):
            self._left = [each for each in self._left if not each.gone(0)]
            if len(self._left) < _MOST_LEFT:
                return
