"""What a source could not deliver, by reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from edgemm.log import LOG

_LOUD = 3
_EVERY = 100


@runtime_checkable
class CountsLosses(Protocol):
    """A source that tells what was lost before it could be read.

    Exists so that no ledger misses a picture that was captured and never arrived. Optional: for a
    source without it, a hole in the frames' sequence numbers tells the same.
    """

    @property
    def lost(self) -> Mapping[str, int]:
        """Reason -> frames, or recordings, since the source was opened. Only grows."""


class Losses:
    """Counts per reason, with a warning for the first few and then for every hundredth."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def add(self, reason: str, count: int, message: str) -> None:
        """Counts `count` items lost for `reason`; `message` goes to the log, but not each time."""
        before = self.counts.get(reason, 0)
        self.counts[reason] = before + count
        if before < _LOUD or before // _EVERY != (before + count) // _EVERY:
            LOG.warning("%s (%s: %d so far)", message, reason, before + count)
