"""The library's logger: silent until the application says where logs go."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

LOG = logging.getLogger("edgemm")
LOG.addHandler(logging.NullHandler())

INTERVAL_S = 60.0
"""Between two messages of one kind."""


class RateLimitedLog:
    """The first message of a kind at once, then at most one each INTERVAL_S, which tells how many were kept back.

    Exists because a fault that repeats thirty times a second fills a small device's disk.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._last_s: dict[str, float] = {}
        self._kept_back: dict[str, int] = {}

    def warning(self, kind: str, message: str) -> None:
        """Logs `message`, or counts it when one of this `kind` was logged lately."""
        now_s = self._now_s()
        if now_s - self._last_s.get(kind, -INTERVAL_S) < INTERVAL_S:
            self._kept_back[kind] = self._kept_back.get(kind, 0) + 1
            return
        self._last_s[kind] = now_s
        more = self._kept_back.pop(kind, 0)
        LOG.warning("%s%s", message, f" (and {more} times since this was said last)" if more else "")
