"""How often Python's threads take turns: faster while any runner iterates, as it was when the last one is closed."""

from __future__ import annotations

import os
import sys
import threading

PYTHONS_SWITCH_INTERVAL_S = 0.005
SWITCH_INTERVAL_S = 0.00005
"""How long one Python thread may keep the others waiting while a runner iterates: a hand-over beside a busy
thread then takes tenths of a millisecond instead of five."""


class SwitchInterval:
    """Counts who needs it. The interval belongs to the whole process; one that the application chose is kept."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._users = 0

    def take(self) -> None:
        """One more needs it."""
        with self._lock:
            self._users += 1
            if self._users == 1 and _is(PYTHONS_SWITCH_INTERVAL_S):
                sys.setswitchinterval(SWITCH_INTERVAL_S)

    def give_back(self) -> None:
        """One fewer does; with the last, it is Python's own again."""
        with self._lock:
            self._users -= 1
            if not self._users:
                _reset()

    def forget(self) -> None:
        """In a forked child, where no runner lives on."""
        self._lock = threading.RLock()
        self._users = 0
        _reset()


def _reset() -> None:
    if _is(SWITCH_INTERVAL_S):
        sys.setswitchinterval(PYTHONS_SWITCH_INTERVAL_S)


def _is(interval_s: float) -> bool:
    return abs(sys.getswitchinterval() - interval_s) < 1e-7  # Python keeps whole microseconds


SHARED = SwitchInterval()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=SHARED.forget)
