"""What a source could not deliver, by reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from edgemm.errors import SourceLost
from edgemm.log import RateLimitedLog


@runtime_checkable
class CountsLosses(Protocol):
    """A source that tells what was lost before it could be read.

    Exists so that no ledger misses a picture that was captured and never arrived. Optional: for a
    source without it, a hole in the frames' sequence numbers tells the same.
    """

    @property
    def lost(self) -> Mapping[str, int]:
        """Reason -> frames, or recordings, since the source was opened. Only grows."""


@runtime_checkable
class CountsFaults(Protocol):
    """A source that tells what went wrong with it, in events rather than in frames.

    Exists so that a summary can show that a camera stalled and came back: frames that were never captured
    are in no ledger.
    """

    @property
    def faults(self) -> Mapping[str, int]:
        """Event -> how often since the source was opened, such as {"stalled": 1, "reconnected": 1}. Only grows."""


class Losses:
    """Counts per reason, with a warning for the first and then for one a minute."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._log = RateLimitedLog()

    def add(self, reason: str, count: int, message: str) -> None:
        """Counts `count` items lost for `reason`; `message` goes to the log, but not each time."""
        so_far = self.counts[reason] = self.counts.get(reason, 0) + count
        self._log.warning(reason, f"{message} ({reason}: {so_far} so far)")


class Unreadable:
    """Counts files of a folder that cannot be read; when that is all of them, it is an error."""

    def __init__(self, losses: Losses, uri: str, files: int, what: str) -> None:
        self._losses = losses
        self._uri = uri
        self._files = files
        self._what = what
        self._in_a_row = 0

    def readable(self) -> None:
        """One could be read."""
        self._in_a_row = 0

    def unreadable(self, error: SourceLost) -> None:
        """One could not.

        Raises:
            SourceLost: nor could any of the others.
        """
        self._in_a_row += 1
        if self._in_a_row < self._files:
            self._losses.add("unreadable", 1, str(error))
            return
        if self._files == 1:
            raise error
        raise SourceLost(
            f"none of the {self._files} {self._what} of {self._uri} can be read; the last: {error}"
        ) from error
