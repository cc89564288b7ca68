"""Tells systemd how the program is: ready, alive, stopping. The protocol of sd_notify(3).

Silent where systemd does not ask: without NOTIFY_SOCKET in the environment nothing is sent.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping

from edgemm.log import LOG


class Notifier:
    """Sends states to the socket that systemd names."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        found = os.environ if environment is None else environment
        self._address = found.get("NOTIFY_SOCKET", "")
        self.watchdog_s = _watchdog_s(found)
        """Seconds within which systemd wants to hear that the program is alive; None: it does not ask."""

    def send(self, **state: object) -> None:
        """One message: `send(READY=1, STATUS="2 streams")`. Never waits: what a socket that is full does not
        take is left out; one that fails is logged, and no error."""
        if not self._address:
            return
        message = "\n".join(f"{key}={value}" for key, value in state.items())
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.setblocking(False)
                channel.sendto(message.encode(), address)
        except BlockingIOError:
            return
        except OSError as error:
            LOG.warning("systemd's socket %s cannot be written: %s", self._address, error)
            self._address = ""


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """systemd's WatchdogSec, when it is meant for this process."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        return int(environment["WATCHDOG_USEC"]) / 1e6
    except (KeyError, ValueError):
        return None


class Pulse:
    """Ready once every stream has given a result; alive as long as every stream goes on giving them.

    So a watchdog sees the stream that hangs, and not only the process that does.
    """

    def __init__(
        self, streams: Iterable[str], notifier: Notifier, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._streams = set(streams)
        self._silent = set(self._streams)
        self._notifier = notifier
        self._now_s = now_s
        self._ready = False
        self._sent_s = -1e9
        self._every_s = (notifier.watchdog_s or 0.0) / 4

    def beat(self, name: str) -> None:
        """A stream has given a result."""
        self._silent.discard(name)
        if self._silent:
            return
        if not self._ready:
            self._ready = True
            self._notifier.send(READY=1, STATUS=f"{len(self._streams)} streams running")
        now_s = self._now_s()
        if self._notifier.watchdog_s is not None and now_s - self._sent_s >= self._every_s:
            self._sent_s = now_s
            self._notifier.send(WATCHDOG=1)
            self._silent = set(self._streams)

    def ended(self, name: str) -> None:
        """A stream has come to its end, and is waited for no longer."""
        self._streams.discard(name)
        self._silent.discard(name)
