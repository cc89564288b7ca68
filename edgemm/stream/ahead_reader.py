"""A reader that has the next item ready while the model is at work on the one before."""

from __future__ import annotations

from queue import SimpleQueue

from edgemm.capture.source import Source
from edgemm.errors import InputError
from edgemm.media import Captured
from edgemm.stream.budget import Budget
from edgemm.stream.ledger import Ledger
from edgemm.stream.reader import NewestReader


class AheadReader(NewestReader):
    """Reads in a thread of its own, one item ahead: nothing is dropped, and the source waits.

    What was read stands in the slot until it is taken; only then the next is read. So there are at most two items in
    flight: the one that the model is at work on, and the one that waits.
    """

    def __init__(self, source: Source, ledger: Ledger, *, timeout_s: float) -> None:
        super().__init__(source, ledger, timeout_s=timeout_s)
        self._room: SimpleQueue[None] = SimpleQueue()
        """A token where the slot is free, and one more at the end."""

    def take(self) -> Captured | None:
        """The item that was waited for; the next one is read from now on."""
        item = super().take()
        self._room.put(None)
        return item

    def _start(self) -> None:
        self._room.put(None)
        super()._start()

    def _end(self) -> None:
        self._room.put(None)
        super()._end()

    def _read(self) -> Captured | None:
        self._room.get()
        return super()._read()


def require_ahead(budget: Budget, source: Source) -> None:
    """Returns where a source can be read ahead, or need not be.

    Raises:
        InputError: it is not one of files of pictures.
    """
    if budget.ahead and (source.live or source.modality != "image"):
        what = "live pictures, which are read in a thread as they come" if source.live else "no pictures"
        raise InputError(
            f"budget: expected files of pictures to read ahead, found {source.uri}, which gives {what}. Leave `ahead` "
            "out"
        )
