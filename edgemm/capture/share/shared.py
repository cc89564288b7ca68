"""One source for several readers: each item is captured and decoded once.

Nobody owns a thread here. Whoever has nothing to take and finds nobody reading reads the source for all.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from edgemm.capture.losses import CountsLosses
from edgemm.capture.share.tap import WAITING_S, Tap
from edgemm.capture.share.withheld import Withholds
from edgemm.capture.source import Source
from edgemm.errors import InputError, SourceTimeout
from edgemm.media import AudioBlock, Captured, Frame


class _Kept(NamedTuple):
    """A block of sound for readers that begin later, and what the source had told by then."""

    block: AudioBlock
    lost: Mapping[str, int]
    withheld: Mapping[str, int]


class SharedSource:
    """Gives out taps: sources that each deliver every item of one source.

    A reader that is behind does not hold the others back, as far as the source allows: of live pictures it
    gets the newest ("superseded"), live sound beyond WAITING_S becomes a gap ("overflow"). A file waits for
    the slowest reader, since nothing of it may be lost.
    """

    def __init__(self, source: Source, *, keep_s: float = 0.0) -> None:
        """Args:
            source: what is read; whoever opened it closes it.
            keep_s: seconds of sound that are kept, so that a later reader may begin so far back; at most 2. Of
                pictures and texts nothing is kept.

        Raises:
            InputError: out of range.
        """
        kept_seconds(keep_s)
        self._keep_s = keep_s if source.modality == "audio" else 0.0
        self._kept: deque[_Kept] = deque()
        self.source = source
        self._counts = source if isinstance(source, CountsLosses) else None
        self._withholds = source if isinstance(source, Withholds) else None
        self._turn = threading.Condition()
        self._taps: tuple[Tap, ...] = ()
        self._reading = False
        self._ended = False
        self._error: BaseException | None = None
        self._next_sequence = 0
        self._missing = 0

    def tap(self, *, back_s: float = 0.0) -> Tap:
        """A further reader; it gets what is captured from now on.

        Args:
            back_s: seconds of sound before now that it gets too, in whole blocks, as far as they are kept.

        Raises:
            InputError: further back than sound is kept.
        """
        if not 0 <= back_s <= self._keep_s:
            raise InputError(
                f"back_s: expected 0 to {self._keep_s:g} seconds, which are kept of {self.source.uri}, found {back_s:g}"
            )
        with self._turn:
            kept = self._since(back_s)
            first = kept[0] if kept else _Kept(_NOTHING, self.lost(), self.withheld())
            tap = Tap(self, first.lost, first.withheld)
            for each in kept:
                block = replace(each.block, gap_samples=0) if each is first else each.block
                tap.offer(block, each.withheld)
            self._taps += (tap,)
        return tap

    def lost(self) -> dict[str, int]:
        """Reason -> items that the source itself lost; holes in the numbers where it does not count."""
        if self._counts is not None:
            return dict(self._counts.lost)
        return {"missing": self._missing} if self._missing else {}

    def withheld(self) -> dict[str, int]:
        """Reason -> samples that the source itself holds back; see `Withholds`."""
        return dict(self._withholds.withheld) if self._withholds is not None else {}

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
        if tap.keeps_newest and tap.waiting:
            self._look_for_newer(tap)
        while True:
            with self._turn:
                while not self._may_read():
                    if tap.waiting or tap.closed or self._ended:
                        return self._take(tap)
                    self._wait(tap, until)
                if tap.waiting or tap.closed or self._ended:
                    return self._take(tap)
                self._reading = True
            self._read(tap, None if until is None else max(0.0, until - time.monotonic()))

    def waiting_for(self, tap: Tap) -> Captured | None:
        """What waits for the tap already, without reading the source; None when nothing does."""
        with self._turn:
            return self._take(tap) if tap.waiting and not tap.closed else None

    def _look_for_newer(self, tap: Tap) -> None:
        """What waits was offered when another reader asked; the source may have a newer one by now."""
        with self._turn:
            if self._reading or self._ended:
                return
            self._reading = True
        try:
            self._read(tap, 0.0)
        except SourceTimeout:
            pass

    def _may_read(self) -> bool:
        return not self._reading and all(tap.has_room for tap in self._taps)

    def _take(self, tap: Tap) -> Captured | None:
        """What waits first; else how the source ended."""
        if tap.waiting and not tap.closed:
            self._turn.notify_all()
            return tap.take()
        tap.settle(self.withheld())
        if self._error is not None and not tap.closed:
            raise self._error
        return None

    def _wait(self, tap: Tap, until: float | None) -> None:
        left = None if until is None else until - time.monotonic()
        if (left is not None and left <= 0) or not self._turn.wait(left):
            tap.settle(self.withheld())
            raise SourceTimeout(f"{self.source.uri}: nothing came in time")

    def _read(self, tap: Tap, timeout_s: float | None) -> None:
        """Reads one item and gives it to all."""
        item, error = None, None
        try:
            item = self.source.read(timeout_s)
        except SourceTimeout:
            with self._turn:
                self._reading = False
                tap.settle(self.withheld())
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
        withheld = self.withheld()
        if self._keep_s and isinstance(item, AudioBlock):
            self._kept.append(_Kept(item, self.lost(), withheld))
            needed = round(self._keep_s * item.sample_rate)
            while _samples(self._kept) - len(self._kept[0].block.samples) >= needed:
                self._kept.popleft()
        for tap in self._taps:
            tap.offer(item, withheld)

    def _since(self, back_s: float) -> list[_Kept]:
        """The newest blocks that make so many seconds."""
        found: deque[_Kept] = deque()
        for each in reversed(self._kept):
            if _samples(found) >= round(back_s * each.block.sample_rate):
                break
            found.appendleft(each)
        return list(found)


def kept_seconds(keep_s: float) -> float:
    """Raises:
    InputError: out of range.
    """
    if not 0 <= keep_s <= WAITING_S:
        raise InputError(f"keep_s: expected 0 to {WAITING_S:g} seconds, found {keep_s:g}")
    return keep_s


_NOTHING = AudioBlock(np.empty(0, np.float32), 1, 0, 0)


def _samples(kept: Iterable[_Kept]) -> int:
    return sum(len(each.block.samples) for each in kept)
