"""One stream of a runner, and the thread that computes for it."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue

from edgemm.errors import EdgemmError
from edgemm.stream.item import Item
from edgemm.stream.stream import Stream
from edgemm.stream.work import Pending
from edgemm.worker import Worker


class Lane:
    """Computes one result ahead and waits until it is taken: a slow loop holds the source back, or makes
    it drop, instead of filling a queue.

    With `on_item` the item is handed over in this thread, at once, and goes to the loop afterwards.
    """

    def __init__(
        self,
        name: str,
        stream: Stream,
        on_item: Callable[[Item], object] | None,
        ready: SimpleQueue[Lane | None],
    ) -> None:
        self.name = name
        self.stream = stream
        self.ended = False
        self._on_item = on_item
        self._ready = ready
        self._taken: SimpleQueue[None] = SimpleQueue()
        self._outbox: Pending | Item | None = None
        self._error: BaseException | None = None
        self._worker = Worker(f"edgemm {name}", self._run)

    def start(self) -> None:
        """Begins to compute. Where the system gives no thread, that is what ends the lane."""
        try:
            self._worker.start()
        except EdgemmError as error:
            self._error = error
            self.ended = True
            self._ready.put(self)

    def take(self) -> Item | None:
        """The item that the lane announced; None when it was dropped, or the lane has ended.

        Raises:
            EdgemmError: what ended the lane, with the lane's name before its message.
            BaseException: SystemExit, KeyboardInterrupt and their like, as they were raised.
        """
        waiting, self._outbox = self._outbox, None
        if isinstance(waiting, Pending):
            waiting = self.stream.deliver(waiting)
        if not self.ended:
            self._taken.put(None)
        error, self._error = self._error, None
        if error is not None and not isinstance(error, Exception):
            raise error
        if error is not None:
            raise with_name(self.name, error) from error
        return waiting

    def close(self, join_s: float) -> None:
        """Closes the stream and ends the thread, unless it hangs for longer than `join_s`."""
        try:
            self.stream.close()
        finally:
            self._taken.put(None)
            self._worker.join(join_s)

    def _run(self) -> None:
        try:
            while (pending := self.stream.produce()) is not None:
                self._hand_over(pending)
        except BaseException as error:  # noqa: BLE001 - raised in the loop
            self._error = error
        finally:
            self.ended = True
            self._ready.put(self)

    def _hand_over(self, pending: Pending) -> None:
        self._outbox = pending
        if self._on_item is not None:
            self._outbox = item = self.stream.deliver(pending)
            if item is None:
                return
            self._on_item(item)
        self._ready.put(self)
        self._taken.get()


def with_name(name: str, error: Exception) -> EdgemmError:
    """The same kind of error, with the name of its stream before the message."""
    message = f"stream {name!r}: {error}"
    if isinstance(error, MemoryError):
        return EdgemmError(f"stream {name!r}: there is not enough memory for it ({error or 'out of memory'})")
    if not isinstance(error, EdgemmError):
        return EdgemmError(f"stream {name!r}: {type(error).__name__}: {error}")
    named = type(error).__new__(type(error), message)
    named.__dict__.update(error.__dict__)
    named.args = (message,)
    return named
