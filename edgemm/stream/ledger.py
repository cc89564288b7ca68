"""The account of every item of one stream.

    captured = delivered + dropped + in flight          at every moment

An item is a frame, or a block of audio; for audio the same account is kept in samples too. A frame is
delivered when its result is handed over. A block is delivered when the first result that it completes is
handed over, or, completing none, when the model has taken it in: windows overlap, and every sample counts
once, with its block. `results` counts what was handed over.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgemm.capture.losses import CountsFaults
from edgemm.media import AudioBlock, Captured
from edgemm.stream.histogram import Histogram

CLOSED = "closed"
"""Reason of what was in flight when the stream was closed."""
_JUDGED = ("late", "stale", "no-time")
"""Reasons of frames that a stream at work gave up itself."""
_HELD_BACK = ("silence", "speaking")
"""Reasons of samples that a source holds back on purpose."""


@dataclass(slots=True)
class _Account:
    captured: int = 0
    delivered: int = 0
    in_flight: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def capture(self, count: int) -> None:
        self.captured += count
        self.in_flight += count

    def deliver(self, count: int) -> None:
        self.in_flight -= count
        self.delivered += count

    def drop(self, count: int, reason: str) -> None:
        self.in_flight -= count
        self.dropped[reason] = self.dropped.get(reason, 0) + count

    def lose(self, count: int, reason: str) -> None:
        """Captured and dropped at once."""
        self.captured += count
        self.dropped[reason] = self.dropped.get(reason, 0) + count

    def to_dict(self) -> dict[str, Any]:
        return {
            "captured": self.captured,
            "delivered": self.delivered,
            "dropped": dict(self.dropped),
            "in_flight": self.in_flight,
        }


class Ledger:
    """Counts items, one method per change of state, all under one lock. Any thread may ask for the
    summary at any time. After `close()` nothing changes any more.

    The lock is reentrant, so that a signal handler that prints the summary cannot lock itself out.
    """

    def __init__(self, source: CountsFaults | None = None) -> None:
        """Args:
        source: whose faults, events rather than items, stand in the summary.
        """
        self._source = source
        self._lock = threading.RLock()
        self._closed = False
        self._items = _Account()
        self._samples = _Account()
        self._results = 0
        self._late = 0
        self._interrupted = 0
        self._starved_s = 0.0
        self._ages = Histogram()
        self._stages: dict[str, Histogram] = {}
        self._totals_ms: dict[str, float] = {}
        self._withheld: dict[str, int] = {}
        self._gap_told = 0

    def capture(
        self,
        item: Captured,
        lost: Mapping[str, int] | None = None,
        withheld: Mapping[str, int] | None = None,
    ) -> bool:
        """An item has come in; `lost` are those, by reason, that were lost before it. A gap before a
        block is captured and dropped in samples, but for what `withheld` has told of it. False, and
        nothing counted, after `close()`."""
        with self._lock:
            if self._closed:
                return False
            self.lose(lost or {})
            self.withhold(withheld or {})
            self._items.capture(1)
            if isinstance(item, AudioBlock):
                untold, self._gap_told = item.gap_samples - self._gap_told, 0
                if untold > 0:
                    self._samples.lose(untold, item.gap_reason)
                self._samples.capture(len(item.samples))
            return True

    def withhold(self, withheld: Mapping[str, int]) -> bool:
        """Samples, by reason, that the source has held back since it was opened: those that are new were
        captured and dropped, and are part of the next block's gap. True when there are any."""
        with self._lock:
            before = self._gap_told
            for reason, count in withheld.items():
                fresh = count - self._withheld.get(reason, 0)
                if fresh > 0 and not self._closed:
                    self._withheld[reason] = count
                    self._gap_told += fresh
                    self._samples.lose(fresh, reason)
            return self._gap_told > before

    def lose(self, lost: Mapping[str, int]) -> None:
        """Items that were captured and never came in, by reason."""
        with self._lock:
            for reason, count in lost.items():
                if not self._closed:
                    self._items.lose(count, reason)

    def drop(self, item: Captured, reason: str) -> None:
        """An item in flight is given up."""
        with self._lock:
            if not self._closed:
                self._items.drop(1, reason)
                if isinstance(item, AudioBlock):
                    self._samples.drop(len(item.samples), reason)

    def take_in(self, item: Captured, stages_ms: Mapping[str, float]) -> None:
        """An item in flight has gone into the model, and completed no result."""
        with self._lock:
            if not self._closed:
                self._deliver(item)
                self._spend(stages_ms)

    def deliver(
        self, item: Captured, *, first: bool, age_ms: float, late: bool, stages_ms: Mapping[str, float]
    ) -> bool:
        """A result is handed over, the `first` of its item or a further one. False, and nothing counted,
        after `close()`: it is then not to be handed over."""
        with self._lock:
            if self._closed:
                return False
            if first:
                self._deliver(item)
            self._results += 1
            self._late += late
            self._ages.add(age_ms)
            self._spend(stages_ms)
            for stage, time_ms in stages_ms.items():
                self._histogram(stage).add(time_ms)
            return True

    def interrupt(self) -> None:
        """The work on an item was given up because somebody asked for it."""
        with self._lock:
            self._interrupted += not self._closed

    def starve(self, seconds: float) -> None:
        """For so long frames came and no result was handed over; the longest time is kept."""
        with self._lock:
            self._starved_s = max(self._starved_s, seconds)

    def close(self) -> None:
        """What is in flight becomes dropped as "closed", and the account is final."""
        with self._lock:
            for account in (self._items, self._samples):
                if account.in_flight:
                    account.drop(account.in_flight, CLOSED)
            self._closed = True

    def summary(self) -> dict[str, Any]:
        """The account as plain JSON values.

        Returns:
            captured, delivered, dropped {reason: items}, in_flight, late (results handed over above the
            budget), p50_ms, p90_ms, p99_ms (age of results at delivery, at most 1 % too high; None before
            the first), results, stages_ms {stage: median over results}, stages_total_ms {stage: sum, blocks
            without a result counted in} and, for audio, samples {captured, delivered, dropped {reason:
            samples}, in_flight}, faults {event: count} of a source that counts them, interrupted, items whose work
            was given up on request; and starved_s, the longest time in seconds in which frames came and each was too
            late; only where that was above 10 s.
        """
        with self._lock:
            summary = self._items.to_dict()
            summary["late"] = self._late
            for percent in (50, 90, 99):
                summary[f"p{percent}_ms"] = _rounded(self._ages.percentile(percent))
            summary["results"] = self._results
            summary["stages_ms"] = {
                stage: _rounded(times.percentile(50)) for stage, times in self._stages.items()
            }
            summary["stages_total_ms"] = {
                stage: _rounded(time_ms) for stage, time_ms in self._totals_ms.items()
            }
            if self._interrupted:
                summary["interrupted"] = self._interrupted
            if self._starved_s:
                summary["starved_s"] = round(self._starved_s, 1)
            if self._samples.captured:
                summary["samples"] = self._samples.to_dict()
        if self._source is not None:
            summary["faults"] = dict(self._source.faults)
        return summary

    def progress(self) -> int:
        """A number that grows as long as the stream does its work: results, items taken in, frames that it found
        too old, and sound that its source held back. It stands still when the model hangs, or nothing comes."""
        with self._lock:
            judged = sum(self._items.dropped.get(reason, 0) for reason in _JUDGED)
            held = sum(self._samples.dropped.get(reason, 0) for reason in _HELD_BACK)
            return self._results + self._items.delivered + judged + held

    def _deliver(self, item: Captured) -> None:
        self._items.deliver(1)
        if isinstance(item, AudioBlock):
            self._samples.deliver(len(item.samples))

    def _histogram(self, stage: str) -> Histogram:
        if stage not in self._stages:
            self._stages[stage] = Histogram()
        return self._stages[stage]

    def _spend(self, stages_ms: Mapping[str, float]) -> None:
        for stage, time_ms in stages_ms.items():
            self._totals_ms[stage] = self._totals_ms.get(stage, 0.0) + time_ms


def _rounded(time_ms: float | None) -> float | None:
    return None if time_ms is None else round(time_ms, 3)
