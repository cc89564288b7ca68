"""What the budget says of one item: too old, not worth beginning, to be dropped."""

from __future__ import annotations

import math

from edgemm.capture.source import Source
from edgemm.media import Captured, Frame
from edgemm.stream.budget import Budget
from edgemm.stream.forecast import NO_TIME, Forecast, Starvation
from edgemm.stream.ledger import Ledger


class Deadline:
    """Judges items by their age, drops what the budget lets it drop, and notices when nothing is delivered any more.

    Sound is never dropped, nor is text.
    """

    def __init__(self, budget: Budget, source: Source, ledger: Ledger) -> None:
        self._limit_ms = math.inf if budget.max_age_ms is None else budget.max_age_ms
        self._drops = budget.on_late == "drop"
        self._live = source.live
        self._ledger = ledger
        self._forecast = Forecast(self._limit_ms)
        self._starvation = Starvation(source.uri)

    def is_late(self, age_ms: float) -> bool:
        """True above the budget."""
        return age_ms > self._limit_ms

    def may_drop(self, item: Captured) -> bool:
        """True for a frame, where the budget says "drop"."""
        return self._drops and isinstance(item, Frame)

    def is_worth(self, item: Captured, now_ns: int) -> bool:
        """True when work on the item is to begin now; otherwise it has been dropped, as "stale" or "no-time"."""
        if not self.may_drop(item):
            return True
        age_ms = (now_ns - item.captured_ns) / 1e6
        if self.is_late(age_ms):
            self.drop(item, "stale", now_ns)
            return False
        if not self._forecast.is_worth(age_ms, now_ns, fresher_follows=self._live):
            self.drop(item, NO_TIME, now_ns)
            return False
        return True

    def drop(self, item: Captured, reason: str, now_ns: int) -> None:
        """Gives an item up because of its age."""
        self._ledger.drop(item, reason)
        self._ledger.starve(self._starvation.dropped(now_ns, self._forecast))

    def took(self, time_ms: float) -> None:
        """So long after an item was begun its first result was ready."""
        self._forecast.took(time_ms)

    def delivered(self) -> None:
        """A result was handed over."""
        self._starvation.delivered()
