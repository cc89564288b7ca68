"""Takes the time of each stage of an item."""

from __future__ import annotations

import time
from collections.abc import Callable

WAIT = "wait"
"""The stage that the stream itself adds: from capture until work on the result began."""
STAGES = (WAIT, "preprocess", "infer", "decode")


class StageTimer:
    """A `StageClock`: `start()` ends one stage and begins the next, so that no time between them is lost."""

    __slots__ = ("_now_ns", "_running", "_since_ns", "_spent_ms")

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._now_ns = now_ns
        self._running: str | None = None
        self._since_ns = 0
        self._spent_ms: dict[str, float] = {}

    def start(self, stage: str) -> None:
        """Ends the running stage, if any, and begins `stage`. A stage begun twice adds up."""
        now_ns = self._now_ns()
        self._end(now_ns)
        self._running, self._since_ns = stage, now_ns

    def stop(self) -> None:
        """Ends the running stage."""
        self._end(self._now_ns())

    def take(self) -> dict[str, float]:
        """Ends the running stage and hands over the milliseconds by stage; begins again from nothing."""
        self.stop()
        spent_ms, self._spent_ms = self._spent_ms, {}
        return spent_ms

    def _end(self, now_ns: int) -> None:
        if self._running is not None:
            spent_ms = (now_ns - self._since_ns) / 1e6
            self._spent_ms[self._running] = self._spent_ms.get(self._running, 0.0) + spent_ms
            self._running = None
