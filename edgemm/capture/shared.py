"""One source for several readers: each item is captured and decoded once.

Nobody owns a thread here. Whoever has nothing to take and finds nobody reading reads the source for all.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from edgemm.capture.file_source import FileSource
from edgemm.capture.losses import CountsLosses
from edgemm.capture.source import KeepsNewest, Source
from edgemm.errors import SourceTimeout
from edgemm.media import AudioBlock, Captured, Frame

WAITING = 8
"""Items of a file that may wait for a reader who is behind; the others then wait with the file."""
WAITING_S = 2.0
"""Seconds of live sound that may wait for a reader who is behind; what comes then is a gap to that reader."""


class SharedSource:
    """Gives out taps: sources that each deliver every item of one source.

    A reader that is behind does not hold the others back, as far as the source allows: of live pictures it
    gets the newest ("superseded"), live sound beyond WAITING_S becomes a gap ("overflow"). A file waits for
    the slowest reader, since nothing of it may be lost.
    """

    def __init__(self, source: Source) -> None:
        """Args:
        source: what is read; whoever opened it closes it.
        """
        self.source = source
        self._counts = source if isinstance(source, CountsLosses) else None
        self._turn = threading.Condition()
        self._taps: tuple[Tap, ...] = ()
        self._reading = False
        self._ended = False
        self._error: BaseException | None = None
        self._next_sequence = 0
        self._missing = 0

    def tap(self) -> Tap:
        """A further reader; it gets what is captured from now on."""
        with self._turn:
            tap = Tap(self, self.lost())
            self._taps += (tap,)
        return tap

    def lost(self) -> dict[str, int]:
        """Reason -> items that the source itself lost; holes in the numbers where it does not count."""
        if self._counts is not None:
            return dict(self._counts.lost)
        return {"missing": self._missing} if self._missing else {}

    def leave(self, tap: Tap) -> None:
        """The tap takes no more: nobody waits for it."""
        with self._turn:
            self._taps = tuple(each for each in self._taps if each is not tap)
            self._turn.notify_all()

    def read_for(self, tap: Tap, timeout_s: float | None) -> Captured | None:
        """The tap's next item; None at the end, or when the tap was closed.

        Raises:
            SourceTimeout: nothing came within `timeout_s`.
            SourceError: the source failed; every tap is told.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            with self._turn:
                while not self._may_read():
                    if tap.waiting or tap.closed or self._ended:
                        return self._take(tap)
                    self._wait(until)
                if tap.waiting or tap.closed or self._ended:
                    return self._take(tap)
                self._reading = True
            self._read(None if until is None else max(0.0, until - time.monotonic()))

    def _may_read(self) -> bool:
        return not self._reading and all(tap.has_room for tap in self._taps)

    def _take(self, tap: Tap) -> Captured | None:
        """What waits first; else how the source ended."""
        if tap.waiting and not tap.closed:
            item = tap.waiting.popleft()
            self._turn.notify_all()
            return item
        if self._error is not None and not tap.closed:
            raise self._error
        return None

    def _wait(self, until: float | None) -> None:
        left = None if until is None else until - time.monotonic()
        if (left is not None and left <= 0) or not self._turn.wait(left):
            raise SourceTimeout(f"{self.source.uri}: nothing came in time")

    def _read(self, timeout_s: float | None) -> None:
        """Reads one item and gives it to all."""
        item, error = None, None
        try:
            item = self.source.read(timeout_s)
        except SourceTimeout:
            with self._turn:
                self._reading = False
                self._turn.notify_all()
            raise
        except BaseException as failed:  # noqa: BLE001 - raised by every tap
            error = failed
        with self._turn:
            self._reading = False
            if item is None:
                self._ended, self._error = True, error
            else:
                self._offer(item)
            self._turn.notify_all()

    def _offer(self, item: Captured) -> None:
        if isinstance(item, Frame):
            if self._counts is None:
                self._missing += max(0, item.sequence - self._next_sequence)
            self._next_sequence = item.sequence + 1
        for tap in self._taps:
            tap.offer(item)


class Tap(FileSource):
    """One reader's end of a shared source: a `Source` itself."""

    def __init__(self, shared: SharedSource, lost_before: Mapping[str, int]) -> None:
        """Use `SharedSource.tap`."""
        source = shared.source
        self.uri = source.uri
        self.modality: Literal["image", "audio"] = source.modality
        self.live = source.live
        self.keeps_newest = isinstance(source, KeepsNewest) and source.keeps_newest
        self.waiting: deque[Captured] = deque()
        self.closed = False
        self._shared = shared
        self._before = lost_before
        self._superseded = 0
        self._gap_samples = 0

    @property
    def lost(self) -> Mapping[str, int]:
        """Reason -> items lost since the tap was opened, by the source or because this reader was behind."""
        now = self._shared.lost()
        found = {reason: count - self._before.get(reason, 0) for reason, count in now.items()}
        found["superseded"] = found.get("superseded", 0) + self._superseded
        return {reason: count for reason, count in found.items() if count}

    @property
    def faults(self) -> Mapping[str, int]:
        """What went wrong with the source, by kind; see `CountsFaults`."""
        faults: Mapping[str, int] = getattr(self._shared.source, "faults", {})
        return faults

    @property
    def has_room(self) -> bool:
        """False while the source must wait for this reader."""
        return self.live or self.closed or len(self.waiting) < WAITING

    def read(self, timeout_s: float | None = None) -> Captured | None:
        """The next item; None at the end.

        Raises:
            SourceTimeout: nothing came within `timeout_s`.
            SourceError: the source failed.
        """
        return self._shared.read_for(self, timeout_s)

    def offer(self, item: Captured) -> None:
        """An item of the source, under the lock of the shared source."""
        if isinstance(item, AudioBlock):
            self._offer_block(item)
        elif self.live and self.waiting:
            self._superseded += 1
            self.waiting[0] = item
        else:
            self.waiting.append(item)

    def _offer_block(self, block: AudioBlock) -> None:
        if self.live and len(self.waiting) * len(block.samples) > WAITING_S * block.sample_rate:
            self._gap_samples += block.gap_samples + len(block.samples)
            return
        if self._gap_samples:
            gap, self._gap_samples = self._gap_samples + block.gap_samples, 0
            block = replace(block, gap_samples=gap, gap_reason="overflow")
        self.waiting.append(block)

    def close(self) -> None:
        """Takes no more; the source goes on for the others."""
        self.closed = True
        self._shared.leave(self)
