"""Which frames can be ready in time, judged by the times that the last ones took; and who gets nothing for long."""

from __future__ import annotations

from collections import deque

from edgemm.log import RateLimitedLog

NO_TIME = "no-time"
"""Reason of frames that could not have been ready in time, and were not begun."""
_SEEN = 8
"""So many times are looked at, the newest."""
_ENOUGH = 3
"""With fewer nothing is judged: the first runs of a model are slow."""
_TRY_NS = 1_000_000_000
"""A model that is always too slow is tried again so often: it may be faster by now."""
STARVED_NS = 10_000_000_000
"""A stream that takes frames and delivers none for so long warns."""


class Forecast:
    """Says whether a frame is worth beginning, inside a budget that drops what is late.

    A frame is not begun when even the fastest of the last times would make it late. It is not begun either when the
    usual time would, as long as the next frame, which is fresher, is then taken in any case: so what is begun is
    delivered, and a stream whose model fits the budget only with a fresh frame waits for one.
    """

    def __init__(self, limit_ms: float) -> None:
        """Args:
        limit_ms: the age that a result may have, `Budget.max_age_ms`.
        """
        self._limit_ms = limit_ms
        self._times_ms: deque[float] = deque(maxlen=_SEEN)
        self._passed_over = False
        self._tried_ns = 0

    def took(self, time_ms: float) -> None:
        """A frame's result was ready so long after it was begun."""
        self._times_ms.append(time_ms)

    @property
    def fastest_ms(self) -> float | None:
        """The fastest of the last times; None while there are too few."""
        return min(self._times_ms) if len(self._times_ms) >= _ENOUGH else None

    def describe(self) -> str:
        """The budget and the model's times in one sentence."""
        allowed = f"The budget allows {self._limit_ms:g} ms from capture to result"
        return (
            f"{allowed}."
            if self.fastest_ms is None
            else (f"{allowed}; the model alone takes {self.fastest_ms:.0f} ms or more.")
        )

    def is_worth(self, age_ms: float, now_ns: int, *, fresher_follows: bool) -> bool:
        """True when a frame of this age is to be begun now.

        Args:
            age_ms: since its capture.
            now_ns: CLOCK_MONOTONIC.
            fresher_follows: the source is live: who waits gets a fresher frame.
        """
        fastest_ms = self.fastest_ms
        if fastest_ms is None:
            self._tried_ns = now_ns
            return True
        left_ms = self._limit_ms - age_ms
        if fastest_ms > left_ms:
            return self._try_again(now_ns)
        usual_ms = sorted(self._times_ms)[-2]  # one that took long now and then does not count
        self._passed_over = fresher_follows and usual_ms > left_ms and not self._passed_over
        if not self._passed_over:
            self._tried_ns = now_ns
        return not self._passed_over

    def _try_again(self, now_ns: int) -> bool:
        self._passed_over = True
        if now_ns - self._tried_ns < _TRY_NS:
            return False
        self._tried_ns = now_ns
        return True


class Starvation:
    """Notices that a stream takes frames and delivers none for long."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._log = RateLimitedLog()
        self._since_ns: int | None = None

    def delivered(self) -> None:
        """It is well."""
        self._since_ns = None

    def dropped(self, now_ns: int, forecast: Forecast) -> float:
        """A frame was given up. Returns for how many seconds none was delivered, 0.0 while that is not long; then
        it is logged, but not each time."""
        if self._since_ns is None:
            self._since_ns = now_ns
        waited_ns = now_ns - self._since_ns
        if waited_ns < STARVED_NS:
            return 0.0
        self._log.warning(
            "starved",
            f"{self._uri}: no result for {waited_ns / 1e9:.0f} s: every frame was too late. {forecast.describe()} "
            'Allow more (max_age_ms), deliver late results (on_late="deliver"), or take a faster model',
        )
        return waited_ns / 1e9
