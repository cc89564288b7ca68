"""How a stream gets its items: in line, or through a thread that keeps only the newest.

Both count what comes in, and take what stands between a source and its stream off the stream's hands:
the wait that must end when the stream is closed, a source that gives nothing, what the source lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from queue import SimpleQueue

from edgemm.capture.losses import CountsLosses
from edgemm.capture.share.withheld import Withholds
from edgemm.capture.source import HoldsItems, MayBeAwaited, Source
from edgemm.errors import SourceTimeout
from edgemm.lifecycle import Lifecycle
from edgemm.log import LOG
from edgemm.media import Captured, Frame
from edgemm.stream.ledger import Ledger
from edgemm.worker import Worker

POLL_S = 0.1
"""Longest wait in a live source before a reader looks whether it is to end."""
JOIN_S = 2.0
"""Longest wait for a reader's thread to end; one that hangs in a driver is left behind."""
MISSING = "missing"
"""Reason of frames that only a hole in the sequence numbers tells of."""


class InLineReader:
    """Reads the next item when it is asked for: nothing is dropped, and the source waits."""

    def __init__(self, source: Source, ledger: Ledger, *, timeout_s: float) -> None:
        self._source = source
        self._ledger = ledger
        self._timeout_s = timeout_s
        self._counts = source if isinstance(source, CountsLosses) else None
        self._withholds = source if isinstance(source, Withholds) else None
        self._known_lost: dict[str, int] = {}
        self._sequence = 0
        self._item: Captured | None = None
        self._ended = False
        self._closed = False

    def wait(self) -> bool:
        """Waits for an item; False at the end, and after `stop()` or `close()`.

        Raises:
            SourceTimeout: the source gave nothing for `timeout_s`; to ask again is to wait again.
            SourceError: the source failed; it has then ended.
        """
        if self._item is None and not self._closed:
            self._item = self._read()
        return self._item is not None

    def take(self) -> Captured | None:
        """The item that was waited for; None when the reader was closed meanwhile."""
        item, self._item = self._item, None
        return item

    def stop(self) -> None:
        """Reads no more; what waits can still be taken. Takes no lock: fit for a signal handler."""
        self._ended = True

    def close(self) -> None:
        """Ends the reader. The item that waits is in the ledger, which knows what to do with it."""
        self._closed = self._ended = True

    def settle(self) -> bool:
        """Counts the samples that the source has held back up to now; True when there are new ones."""
        return self._withholds is not None and self._ledger.withhold(self._withholds.withheld)

    def _read(self) -> Captured | None:
        """The next item, counted; None at the end."""
        waited_from = time.monotonic()
        while not self._ended:
            try:
                item = self._source.read(POLL_S if self._source.live else None)
            except SourceTimeout:
                if self.settle() or self._awaited():  # it hears and holds back; or it was not there yet
                    waited_from = time.monotonic()
                if time.monotonic() - waited_from > self._timeout_s:
                    raise SourceTimeout(
                        f"{self._source.uri} gave nothing for {self._timeout_s:g} s"
                    ) from None
                continue
            except BaseException:
                self._ended = True
                self.settle()
                self._ledger.lose(self._newly_lost(None))
                raise
            return self._count(item)
        return None if self._closed else self._count(self._read_waiting())

    def _awaited(self) -> bool:
        return isinstance(self._source, MayBeAwaited) and self._source.awaited

    def _read_waiting(self) -> Captured | None:
        """What the source holds already, once it is not to be read any more."""
        return self._source.read_waiting() if isinstance(self._source, HoldsItems) else None

    def _count(self, item: Captured | None) -> Captured | None:
        if item is None:
            self._ended = True
            self.settle()
            self._ledger.lose(self._newly_lost(None))
            return None
        withheld = self._withholds.withheld if self._withholds else None
        return item if self._ledger.capture(item, self._newly_lost(item), withheld) else None

    def _newly_lost(self, item: Captured | None) -> Mapping[str, int]:
        """Reason -> items that the source lost since this was asked last."""
        if self._counts is not None:
            now = self._counts.lost
            if now == self._known_lost:
                return {}
            now = dict(now)
            fresh = {reason: count - self._known_lost.get(reason, 0) for reason, count in now.items()}
            self._known_lost = now
            return {reason: count for reason, count in fresh.items() if count}
        if not isinstance(item, Frame):
            return {}
        hole, self._sequence = item.sequence - self._sequence, item.sequence + 1
        return {MISSING: hole} if hole > 0 else {}


class NewestReader(InLineReader):
    """Reads in a thread of its own and keeps one item: a newer one replaces it ("superseded").

    The hand-over is a slot, and a token in a `SimpleQueue`, which wakes a thread sooner than a condition
    does and may be put from a signal handler. A token stands for one filling of the slot, so they cannot
    pile up; the last one says that there will be no more.
    """

    def __init__(self, source: Source, ledger: Ledger, *, timeout_s: float) -> None:
        super().__init__(source, ledger, timeout_s=timeout_s)
        self._life = Lifecycle("the stream", "open it again")
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._lock = threading.RLock()
        self._error: BaseException | None = None
        self._worker: Worker | None = None
        self._waited = False

    def wait(self) -> bool:
        """Waits for an item; False at the end, and after `stop()` or `close()`."""
        if self._worker is None:
            self._life.while_open(self._start)
        if not self._waited:
            self._tokens.get()
            self._waited = True
        if self._item is not None and not self._closed:
            return True
        self._raise_once()
        return False

    def take(self) -> Captured | None:
        """The newest item."""
        with self._lock:
            item, self._item = self._item, None
            self._waited = False
        return item

    def close(self) -> None:
        """Ends the thread and wakes who waits."""
        self._closed = self._ended = True
        self._life.close(self._end, JOIN_S)

    def _end(self) -> None:
        with self._lock:
            self._item = None
        self._tokens.put(None)
        worker = self._worker
        if worker is not None and not worker.join(JOIN_S) and not worker.is_current:
            LOG.warning("%s still hangs in a read after %g s; left behind", self._source.uri, JOIN_S)

    def _start(self) -> None:
        worker = Worker(f"edgemm {self._source.uri}", self._run)
        worker.start()
        self._worker = worker

    def _run(self) -> None:
        try:
            while (item := self._read()) is not None:
                self._offer(item)
        except BaseException as error:  # noqa: BLE001 - raised where the stream is read
            self._error = error
        finally:
            self._tokens.put(None)

    def _offer(self, item: Captured) -> None:
        with self._lock:
            waiting, self._item = self._item, item
        if waiting is None:
            self._tokens.put(None)
        else:
            self._ledger.drop(waiting, "superseded")

    def _raise_once(self) -> None:
        error, self._error = self._error, None
        if error is None or self._closed:
            return
        if isinstance(error, SourceTimeout):  # whoever asks again waits again, in a new thread
            self._worker, self._waited = None, False
        raise error
