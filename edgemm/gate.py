"""Frees what a thread works with, once, and never while it is at work."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Gate:
    """`with gate as is_open:` is work; `shut()` and `free()` end it from any thread.

    Exists because a native runtime must not be freed while it runs: whoever is last, the one who closes
    or the one at work, frees.
    """

    def __init__(self, release: Callable[[], None]) -> None:
        self._release = release
        self._working = threading.Lock()
        self._worker: int | None = None
        self._open = True
        self._freed = False

    def __enter__(self) -> Callable[[], bool]:
        self._working.acquire()
        self._worker = threading.get_ident()
        return self.is_open

    def __exit__(self, *error: object) -> None:
        try:
            self._free_once()
        finally:
            self._worker = None
            self._working.release()

    def is_open(self) -> bool:
        """False once `shut()` was called."""
        return self._open

    def shut(self) -> None:
        """No new work; what is under way goes on to its end."""
        self._open = False

    def free(self, timeout_s: float) -> None:
        """Frees, or leaves it to the thread at work when that is not done within `timeout_s`, or is the
        caller itself."""
        if self._worker == threading.get_ident() or not self._working.acquire(timeout=timeout_s):
            return
        try:
            self._free_once()
        finally:
            self._working.release()

    def _free_once(self) -> None:
        if not self._open and not self._freed:
            self._freed = True
            self._release()
