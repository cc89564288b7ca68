"""Tells systemd the state of the program: ready, alive, stopping. The protocol of sd_notify(3).

Silent where systemd does not ask: without NOTIFY_SOCKET in the environment nothing is sent.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Collection, Mapping, Sequence

from edgemm.log import RateLimitedLog
from edgemm.worker import Worker

_JOIN_S = 5.0
LOOK_S = 0.5
"""Seconds between two looks at the streams, at most; a quarter of the watchdog's time where that is less."""


class Notifier:
    """Sends states to the socket that systemd names."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        found = os.environ if environment is None else environment
        self._address = found.get("NOTIFY_SOCKET", "")
        self._log = RateLimitedLog()
        self.watchdog_s = _watchdog_s(found)
        """Seconds within which systemd wants to hear that the program is alive; None: it does not ask."""

    @property
    def is_asked_for(self) -> bool:
        """True under systemd, or a supervisor that speaks its language."""
        return bool(self._address)

    def send(self, **state: object) -> bool:
        """One message: `send(READY=1, STATUS="2 streams")`. Never waits.

        Returns:
            False when it did not go out: the socket is full, or fails, which is logged and no error.
        """
        if not self._address:
            return False
        message = "\n".join(f"{key}={value}" for key, value in state.items())
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.setblocking(False)
                channel.sendto(message.encode(), address)
        except OSError as error:
            if not isinstance(error, BlockingIOError):
                self._log.warning("send", f"systemd's socket {self._address} cannot be written: {error}")
            return False
        return True


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """systemd's WatchdogSec, when it is meant for this process."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        return int(environment["WATCHDOG_USEC"]) / 1e6
    except (KeyError, ValueError):
        return None


def _status(running: int, awaited: Sequence[str]) -> str:
    words = f"{running} stream{'' if running == 1 else 's'} running"
    return f"{words}; waiting for the source of {', '.join(awaited)}" if awaited else words


class Watchdog:
    """Ready once every stream has done some work; alive as long as every stream goes on doing it.

    So a watchdog sees the stream that hangs, and not only the process that does. What counts as work is for
    the ledger to say (`Ledger.progress`): a stream that rightly gives no result, because nobody speaks, is
    alive. A stream whose device has never been there is waited for, and holds nothing up; the status names it.
    It looks in a thread of its own, since the one that iterates may be waiting for a result; without systemd there is
    no such thread.
    """

    def __init__(
        self,
        progress: Callable[[], Mapping[str, int]],
        notifier: Notifier,
        awaited: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """Args:
        progress: name of each stream that has not ended -> a number that grows with its work.
        awaited: names of the streams whose source is waited for.
        """
        self._progress = progress
        self._awaited = awaited
        self._status = ""
        self._notifier = notifier
        self._known: dict[str, int] = {}
        self._ready = False
        self._stopping = False
        self._over = threading.Event()
        self._worker = Worker("edgemm watchdog", self._watch)

    def look(self) -> None:
        """Says that the program is alive, if every stream has worked since that was said last."""
        progress, awaited = self._progress(), self._awaited()
        now = {name: count for name, count in progress.items() if name not in awaited}
        if not progress or any(count <= self._known.get(name, 0) for name, count in now.items()):
            return
        self._say(_status(len(now), sorted(awaited)))
        if self._notifier.watchdog_s is None or self._notifier.send(WATCHDOG=1):
            self._known = dict(now)

    def _say(self, status: str) -> None:
        """Ready, once; then the status when it changes."""
        if self._ready and status == self._status:
            return
        ready = {} if self._ready else {"READY": 1}
        if self._notifier.send(**ready, STATUS=status):
            self._ready, self._status = True, status

    def stopping(self) -> None:
        """The program is asked to end. Takes no lock: fit for a signal handler."""
        self._stopping = True

    def __enter__(self) -> Watchdog:
        if self._notifier.is_asked_for:
            self._worker.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._notifier.send(STOPPING=1)
        self._worker.join(_JOIN_S)

    def _watch(self) -> None:
        every_s = min(LOOK_S, (self._notifier.watchdog_s or LOOK_S) / 4)
        sent = False
        while not self._over.wait(every_s):
            self.look()
            if self._stopping and not sent:
                sent = self._notifier.send(STOPPING=1)
