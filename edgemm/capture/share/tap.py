"""One reader's end of a source that several read."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, Protocol

from edgemm.capture.files.file_source import FileSource
from edgemm.capture.source import KeepsNewest, Source
from edgemm.lifecycle import Lifecycle
from edgemm.media import AudioBlock, Captured, Modality

WAITING = 8
"""Items of a file that may wait for a reader who is behind; the others then wait with the file."""
OVERFLOW = "overflow"
"""Reason of sound that came while a reader was too far behind."""
WAITING_S = 2.0
"""Seconds of live sound that may wait for a reader who is behind; what comes then is a gap to that reader."""


class Waiting(NamedTuple):
    """An item that a reader has not taken yet."""

    item: Captured
    withheld: Mapping[str, int]
    """What had been told of the gap before it; see `Withholds`."""


class Shared(Protocol):
    """What a tap asks of the source that it shares with others: `SharedSource`."""

    source: Source
    """What is read for all."""

    def lost(self) -> Mapping[str, int]:
        """Reason -> items that the source itself lost."""

    def read_for(self, tap: Tap, timeout_s: float | None) -> Captured | None:
        """The tap's next item; None at the end."""

    def waiting_for(self, tap: Tap) -> Captured | None:
        """What waits for the tap already; None when nothing does."""

    def leave(self, tap: Tap) -> None:
        """The tap takes no more."""


class Tap(FileSource):
    """One reader's end of a shared source: a `Source` itself."""

    def __init__(
        self, shared: Shared, lost_before: Mapping[str, int], withheld_before: Mapping[str, int]
    ) -> None:
        """Use `SharedSource.tap`."""
        source = shared.source
        self.uri = source.uri
        self.modality: Modality = source.modality
        self.live = source.live
        self._passes_over = source.modality in ("image", "audio")
        """Of live pictures and sound, what comes too fast is lost to this reader; every text waits."""
        self.keeps_newest = isinstance(source, KeepsNewest) and source.keeps_newest
        self.waiting: deque[Waiting] = deque()
        self.closed = False
        self._life = Lifecycle(f"source {source.uri}", "open it")
        self._shared = shared
        self._lost_before = lost_before
        self._superseded = 0
        self._overflow = _Overflow(withheld_before)
        self._withheld: Mapping[str, int] = {}

    @property
    def lost(self) -> Mapping[str, int]:
        """Reason -> items lost since the tap was opened, by the source or because this reader was behind."""
        found = _since(self._lost_before, self._shared.lost())
        found["superseded"] = found.get("superseded", 0) + self._superseded
        return {reason: count for reason, count in found.items() if count}

    @property
    def withheld(self) -> Mapping[str, int]:
        """Reason -> samples that the source held back, or that came while this reader was behind."""
        return self._withheld

    @property
    def faults(self) -> Mapping[str, int]:
        """What went wrong with the source, by kind; see `CountsFaults`."""
        faults: Mapping[str, int] = getattr(self._shared.source, "faults", {})
        return faults

    @property
    def has_room(self) -> bool:
        """False while the source must wait for this reader."""
        passes_over = self.live and self._passes_over
        return passes_over or self.closed or len(self.waiting) < WAITING

    @property
    def awaited(self) -> bool:
        """True while the source is not there yet, and is waited for."""
        return bool(getattr(self._shared.source, "awaited", False))

    def read(self, timeout_s: float | None = None) -> Captured | None:
        """The next item; None at the end.

        Raises:
            SourceTimeout: nothing came within `timeout_s`.
            SourceError: the source failed.
            InputError: this process was forked after the tap was opened.
        """
        self._life.check_process()
        return self._shared.read_for(self, timeout_s)

    def read_waiting(self) -> Captured | None:
        """What was captured for this reader already, and no more; None when there is nothing."""
        return self._shared.waiting_for(self)

    def close(self) -> None:
        """Takes no more, from any thread: a read that waits gives None. The source goes on for the others."""
        self._life.close(self._end)

    def _end(self) -> None:
        self.closed = True
        self._shared.leave(self)

    def offer(self, item: Captured, withheld: Mapping[str, int]) -> None:
        """An item of the source. This and what follows happens under the lock of the shared source."""
        if isinstance(item, AudioBlock):
            behind = self.live and len(self.waiting) * len(item.samples) > WAITING_S * item.sample_rate
            if behind:
                self._overflow.drop(item, withheld)
                return
            item = self._overflow.mark(item, withheld)
        elif self.live and self.waiting and self._passes_over:
            self._superseded += 1
            self.waiting.clear()
        self.waiting.append(Waiting(item, self._overflow.told(withheld)))

    def take(self) -> Captured:
        """The item that waits first."""
        first = self.waiting.popleft()
        self._withheld = first.withheld
        return first.item

    def settle(self, withheld: Mapping[str, int]) -> None:
        """Nothing waits: all that was lost up to now belongs to the gap before the next block, if one comes."""
        if not self.waiting:
            self._withheld = self._overflow.told(withheld)


class _Overflow:
    """Samples that came while a reader was behind: dropped, and part of the gap before its next block."""

    def __init__(self, withheld_before: Mapping[str, int]) -> None:
        self._before = withheld_before
        self._known = sum(withheld_before.values())
        self._samples = 0
        self._pending = 0

    def drop(self, block: AudioBlock, withheld: Mapping[str, int]) -> None:
        """There is no room for it. What the source had told of the gap before it is told already."""
        told = self._newly_withheld(withheld)
        self._samples += len(block.samples) + max(0, block.gap_samples - told)
        self._pending += len(block.samples) + block.gap_samples

    def mark(self, block: AudioBlock, withheld: Mapping[str, int]) -> AudioBlock:
        """The block, with what was dropped before it in its gap."""
        self._newly_withheld(withheld)
        gap, self._pending = self._pending, 0
        if not gap:
            return block
        reason = block.gap_reason if block.gap_samples else OVERFLOW
        return replace(block, gap_samples=block.gap_samples + gap, gap_reason=reason)

    def told(self, withheld: Mapping[str, int]) -> dict[str, int]:
        """Reason -> samples since the tap was opened, those that were dropped here counted in."""
        found = _since(self._before, withheld)
        found[OVERFLOW] = found.get(OVERFLOW, 0) + self._samples
        return {reason: count for reason, count in found.items() if count}

    def _newly_withheld(self, withheld: Mapping[str, int]) -> int:
        before, self._known = self._known, sum(withheld.values())
        return self._known - before


def _since(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    return {reason: count - before.get(reason, 0) for reason, count in now.items()}
