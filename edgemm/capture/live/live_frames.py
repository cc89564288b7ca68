"""Cameras and network video as a source: the newest frame, whatever the driver does."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from edgemm.capture.live.connection import Connection
from edgemm.capture.live.grabber import Grabber
from edgemm.capture.live.newest import FrameCounts, NewestFrame
from edgemm.capture.live.timeouts import Backoff, Timeouts
from edgemm.errors import SourceLost
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
    after a wait that grows from 0.25 s to 8 s. The first connection must succeed, so that a name mistyped does
    not look like a camera that is switched off.

    `faults` counts events: "open-failed", "closed" (the other side ended it), "stalled" (no frame in time),
    "frozen" (the same picture for too long), "left-behind" (the driver hangs; its thread was left), and
    "reconnected".
    """

    modality: Literal["image", "audio"] = "image"
    live = True
    keeps_newest = True

    def __init__(
        self,
        uri: str,
        grabber: Callable[[], Grabber],
        patience: Timeouts | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """Opens it, and begins to grab.

        Args:
            uri: its name, without credentials.
            grabber: makes one for each connection.
            patience: time-outs, and how often to connect again.
            backoff: the waits between attempts.

        Raises:
            SourceError: it cannot be opened.
        """
        self.uri = uri
        self._make = grabber
        self._patience = patience or Timeouts()
        self._backoff = backoff or Backoff()
        self._frames = NewestFrame(uri)
        self._stop = threading.Event()
        self._left: list[Connection] = []
        self._life = Lifecycle(uri, "open it")
        self._connection = self._connect(None)
        self._watcher = threading.Thread(target=self._watch, name=f"edgemm watches {uri}", daemon=True)
        self._watcher.start()
        atexit.register(self.close)
        self._connection.opened.wait()
        if not self._connection.given:
            error = self._connection.error
            self.close()
            raise error or SourceLost(f"{uri} was closed while it opened")
        LOG.info("%s: %s", uri, self.given)

    @property
    def given(self) -> str:
        """What the driver gave, in words: "1280x720 at 30/s MJPG"."""
        return self._connection.given

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
            if self._stop.is_set() or (connection.is_first and not connection.given):
                return None
            self._tell(connection, reason, free)
            failed = 1 if connection.frames else failed + 1
            if failed > self._patience.attempts:
                return self._frames.fail(self._final(connection))
            self._wait_before_next(connection)
            self._connection = self._connect(self._reconnected)
        return None

    def _connect(self, on_first_frame: Callable[[], object] | None) -> Connection:
        return Connection(self.uri, self._make(), self._frames, self._patience, on_first_frame)

    def _reconnected(self) -> None:
        self._frames.fault("reconnected")
        LOG.info("%s: frames come again", self.uri)

    def _tell(self, connection: Connection, reason: str, free: bool) -> None:
        what = str(connection.error).removeprefix(f"{self.uri}: ")
        self._frames.fault(reason, what)
        if not free:
            self._left.append(connection)
            self._frames.fault("left-behind", f"{what}; the driver hangs, and its thread is left behind")

    def _final(self, connection: Connection) -> SourceLost:
        attempts = self._patience.attempts
        gave_up = f"given up after {attempts:g} attempts to reconnect" if attempts else "reconnecting is off"
        error = SourceLost(f"{connection.error}; {gave_up}")
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
