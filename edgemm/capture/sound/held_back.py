"""The account of blocks that are held back on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgemm.media import AudioBlock


class HeldBack:
    """Counts samples and blocks by reason; what was held back is a gap before the next block that passes."""

    def __init__(self) -> None:
        self._samples: dict[str, int] = {}
        self._blocks: dict[str, int] = {}
        self._pending, self._reason = 0, ""

    @property
    def samples(self) -> Mapping[str, int]:
        """Reason -> samples, gaps of the blocks among them by their own; see `Withholds`."""
        return dict(self._samples)

    @property
    def blocks(self) -> Mapping[str, int]:
        """Reason -> blocks."""
        return dict(self._blocks)

    def hold(self, block: AudioBlock, reason: str) -> None:
        """The block does not pass."""
        self._blocks[reason] = self._blocks.get(reason, 0) + 1
        self._pending += block.gap_samples + len(block.samples)
        self._reason = reason
        self._count(reason, len(block.samples))
        if block.gap_samples:
            self._count(block.gap_reason, block.gap_samples)

    def release(self, block: AudioBlock) -> AudioBlock:
        """The block passes, with what was held back before it in its gap."""
        gap, self._pending = self._pending, 0
        if not gap:
            return block
        reason = block.gap_reason if block.gap_samples else self._reason
        return replace(block, gap_samples=gap + block.gap_samples, gap_reason=reason)

    def _count(self, reason: str, samples: int) -> None:
        self._samples[reason] = self._samples.get(reason, 0) + samples
