"""The queue between a stream and the thread that writes: bounded, without waiting, with memory that is used again."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from edgemm.amounts import count
from edgemm.errors import EdgemmError, InputError, MachineShortage
from edgemm.lifecycle import Lifecycle
from edgemm.log import LOG
from edgemm.shortage import shortage
from edgemm.stream.item import Item
from edgemm.worker import Worker

CAPACITY = 4
"""Items that wait for the writer; each has a picture of its own in memory."""
CLOSE_S = 30.0
"""Seconds that `close` waits for the writer, which may be in the middle of a slow disk."""
BUSY, CLOSED, FAILED, NO_PICTURE = "busy", "closed", "failed", "no_picture"
"""Why an item was refused: the writer is behind; it has ended; it has failed; there is nothing to draw on."""


class Slot(Protocol):
    """Memory for one item."""

    def take(self, stream: str, item: Item) -> None:
        """Copies what is needed of the item.

        Raises:
            InputError: this sink has no use for it, such as sound.
        """


S = TypeVar("S", bound=Slot)


class Outbox(Generic[S]):
    """Hands items to one thread, in order; refuses them while all slots are in use.

    An error of the writer ends the writing: it is kept, raised by `drain` or `close`, and what comes after it is
    refused.
    """

    def __init__(
        self,
        name: str,
        make_slot: Callable[[], S],
        write: Callable[[S], object],
        finish: Callable[[bool], object] = lambda failed: None,
        *,
        capacity: int = CAPACITY,
        idle: Callable[[], object] | None = None,
        idle_s: float = math.inf,
    ) -> None:
        """Args:
        name: what messages call it.
        make_slot: called `capacity` times, now.
        write: called in the thread with each slot that was filled; False: it was not written after all, and the
            writer counts that.
        finish: called in the thread at the end; with True where something has failed.
        capacity: items that may wait.
        idle: called in the thread when nothing came for `idle_s` seconds.

        Raises:
            EdgemmError: the system gives no thread.
        """
        self.name = name
        self.taken = self.written = 0
        self.refused: dict[str, int] = {}
        self.error: EdgemmError | None = None
        """What ended the writing."""
        self._write, self._finish = write, finish
        self._idle, self._idle_s = idle, None if idle is None else idle_s
        self._free = deque(make_slot() for _ in range(count("capacity", capacity)))
        self._ready: SimpleQueue[S | threading.Event | None] = SimpleQueue()
        self._counting = threading.Lock()
        self._ended = threading.Event()
        self._freed = threading.Event()
        self._told = False
        self._life = Lifecycle(name, "open it again")
        self._worker = Worker(f"edgemm sink {name}", self._run)
        self._life.start(self._worker.start)

    def put(self, stream: str, item: Item) -> bool:
        """See `Sink.put`."""
        if self._life.forked or not self._life.is_open:
            return self.refuse(CLOSED)
        if self.error is not None:
            return self.refuse(FAILED)
        try:
            slot = self._free.popleft()
        except IndexError:
            return self.refuse(BUSY)
        try:
            slot.take(stream, item)
        except (InputError, MemoryError) as error:
            self._free.append(slot)
            return self.refuse(NO_PICTURE if isinstance(error, InputError) else "no_memory")
        if not self._life.while_open(lambda: self._enter(slot)):
            self._free.append(slot)
            return self.refuse(CLOSED)
        return True

    def wait_for_room(self, timeout_s: float) -> bool:
        """See `HasRoom.wait_for_room`."""
        until_s = time.monotonic() + timeout_s
        while not self._free and self.error is None and self._life.is_open:
            self._freed.clear()
            if not self._free and not self._freed.wait(max(0.0, until_s - time.monotonic())):
                return False
        return bool(self._free) and self.error is None and self._life.is_open

    def refuse(self, reason: str) -> bool:
        """Counts an item that is not taken; always False."""
        with self._counting:
            self.refused[reason] = self.refused.get(reason, 0) + 1
        return False

    def fail(self, error: EdgemmError) -> None:
        """From now on everything is refused; `drain` or `close` raises the first error."""
        if self.error is None:
            self.error = error

    def drain(self, timeout_s: float) -> None:
        """See `Sink.drain`."""
        if self._worker.is_current or self._life.forked:
            return
        written = threading.Event()
        self._ready.put(written)
        if not self._ended.is_set() and not written.wait(timeout_s):
            raise EdgemmError(f"{self.name}: what was taken is not written within {timeout_s:g} s")
        self._tell()

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """See `Sink.close`. An interruption, such as Ctrl-C, is raised when the writer has come to its end; a second
        one at once."""
        try:
            self._life.close(lambda: self._end(timeout_s), timeout_s)
        except BaseException:
            self._life.close(lambda: None)  # where it came before that was noted
            self._end(timeout_s)
            raise
        if not self._worker.is_current and not self._life.forked:
            self._tell()

    def leave(self, kind: type[BaseException] | None) -> None:
        """The end of a `with` block: `close`, whose error is logged where another one is on its way."""
        try:
            self.close()
        except EdgemmError as error:
            if kind is None:
                raise
            LOG.warning("%s", error)

    def _enter(self, slot: S) -> bool:
        """Under the lock of the lifecycle, so that nothing is taken once `close` was called."""
        self.taken += 1
        self._ready.put(slot)
        return True

    def _end(self, timeout_s: float) -> None:
        self._ready.put(None)
        if self._worker.is_current:
            return
        if not self._ended.wait(
            timeout_s
        ):  # a thread whose `join` was interrupted counts as ended in Python < 3.13
            self.fail(EdgemmError(f"{self.name}: the writer does not come to its end within {timeout_s:g} s"))
            return
        self._worker.join(timeout_s)

    def _tell(self) -> None:
        if self.error is not None and not self._told:
            self._told = True
            raise self.error

    def _run(self) -> None:
        try:
            while (each := self._next()) is not None:
                if isinstance(each, threading.Event):
                    each.set()
                else:
                    self._guarded(lambda slot=each: self._write_one(slot))  # type: ignore[misc]
                    self._free.append(each)
                    self._freed.set()
            self._guarded(lambda: self._finish(self.error is not None))
        finally:
            self._ended.set()
            self._freed.set()
            self._wake_waiting()

    def _next(self) -> S | threading.Event | None:
        while True:
            try:
                return self._ready.get(timeout=self._idle_s)
            except Empty:
                if self._idle is not None and self.error is None:
                    self._guarded(self._idle)

    def _write_one(self, slot: S) -> None:
        if self.error is None:
            self.written += self._write(slot) is not False

    def _guarded(self, action: Callable[[], object]) -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - raised by drain or close
            self.fail(self._named(error))

    def _named(self, error: BaseException) -> EdgemmError:
        if isinstance(error, EdgemmError):
            return error
        lacking = shortage(error)
        made = (
            MachineShortage(f"{self.name}: {lacking}")
            if lacking
            else EdgemmError(f"{self.name}: {type(error).__name__}: {error}")
        )
        made.__cause__ = error
        return made

    def _wake_waiting(self) -> None:
        try:
            while True:
                each = self._ready.get_nowait()
                if isinstance(each, threading.Event):
                    each.set()
        except Empty:
            pass
