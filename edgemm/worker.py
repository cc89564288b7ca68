"""A thread of edgemm's own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

from edgemm.errors import EdgemmError
from edgemm.exit_guard import guard_exit

guard_exit()  # before anything that has a thread registers how it is closed


class Worker:
    """A daemon thread that runs one function: it does not keep the interpreter from ending.

    `start()` and `join()` may come in any order, from any thread; whoever owns it sees to it that it is not
    started after its end was asked for (`Lifecycle`).
    """

    def __init__(self, name: str, run: Callable[..., object], *arguments: Any) -> None:
        """Args:
        name: of the thread, as debuggers show it.
        run: what it does, with `arguments`.
        """
        self._ended = threading.Event()
        self._process = os.getpid()
        self._thread = _Thread(target=_run, args=(self._ended, run, *arguments), name=name, daemon=True)

    def start(self) -> None:
        """Begins.

        Raises:
            EdgemmError: the system gives no thread.
        """
        try:
            self._thread.start()
        except (RuntimeError, MemoryError) as error:
            raise EdgemmError(
                f"thread {self._thread.name!r} cannot be started: {error or 'out of memory'}. The process or its "
                "user has as many threads as it may (`ulimit -u`, TasksMax of a systemd unit, a container's "
                "limit of processes), or too little memory (`ulimit -v`)"
            ) from error

    @property
    def is_current(self) -> bool:
        """True in this thread itself."""
        return self._thread is threading.current_thread()

    def join(self, timeout_s: float) -> bool:
        """Waits until it has ended. True when it does not run: it has ended, was never started, or belongs to the
        process that this one was forked from. It does not wait for itself.

        A signal handler may raise meanwhile. Before Python 3.13 `threading.Thread.join` then takes a thread that runs
        for one that has ended, so its end is waited for by an event of our own first.
        """
        if self.is_current:
            return False
        if self._thread.ident is None or self._process != os.getpid():
            return True
        until_s = time.monotonic() + timeout_s
        if not self._ended.wait(timeout_s):
            return False
        self._thread.join(max(0.0, until_s - time.monotonic()))
        return not self._thread.is_alive()


def _run(ended: threading.Event, run: Callable[..., object], *arguments: Any) -> None:
    try:
        run(*arguments)
    finally:
        ended.set()


class _Thread(threading.Thread):
    """Known by its class; see `in_worker`."""


def in_worker() -> bool:
    """True in a thread of edgemm's own."""
    return isinstance(threading.current_thread(), _Thread)
