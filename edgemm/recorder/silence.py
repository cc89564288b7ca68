"""How long a child has said nothing."""

from __future__ import annotations

import time
from collections.abc import Callable


class Silence:
    """Counts the time that was spent waiting for a message: who was stopped himself cannot tell whether one came."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self.heard()

    def heard(self) -> None:
        """A message came, or the child has just been started."""
        self._waited_s, self._heard_at = 0.0, self._now_s()

    @property
    def seconds(self) -> float:
        """Since the last message, by the clock."""
        return self._now_s() - self._heard_at

    def waited(self, seconds: float, limit_s: float) -> bool:
        """So long it was waited in vain; True where that is too long by now."""
        self._waited_s += seconds
        return self._waited_s >= limit_s or self.seconds >= 3 * limit_s
