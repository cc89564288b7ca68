"""`async for` over a stream: the model runs in a thread, the event loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

from edgemm.lifecycle import Lifecycle
from edgemm.worker import Worker

if TYPE_CHECKING:
    from edgemm.stream.item import Item
    from edgemm.stream.work import Pending


class Producer(Protocol):
    """What a stream does for `async for`, in two halves: one in a thread, the other in the event loop."""

    def produce(self) -> Pending | None:
        """Computes the next result; None at the end, and once closed. May wait."""

    def deliver(self, pending: Pending) -> Item | None:
        """What the caller gets of it; None where it came too late."""


class AsyncItems:
    """The items of a stream for `async for`.

    The result is computed in a thread and handed over in the event loop, so that its age is true there.
    A task that is cancelled while it waits loses nothing: who asks next gets the result it waited for.
    """

    def __init__(self, stream: Producer) -> None:
        self._stream = stream
        self._life = Lifecycle("the stream", "open it again")
        self._computer = _Computer()
        self._ahead: Future[Pending | None] | None = None

    def __aiter__(self) -> AsyncItems:
        return self

    async def __anext__(self) -> Item:
        while (pending := await self._produce()) is not None:
            item = self._stream.deliver(pending)
            if item is not None:
                return item
        raise StopAsyncIteration

    def close(self) -> None:
        """Lets the thread go, as soon as it has ended what it does."""
        self._life.close(self._computer.close)

    async def _produce(self) -> Pending | None:
        """The next result; a wait that was cancelled is taken up again. None at the end, and once closed."""
        self._life.start(self._computer.start)
        if self._ahead is None:
            self._ahead = self._life.while_open(lambda: self._computer.submit(self._stream.produce))
        if self._ahead is None:
            return None
        try:
            pending = await asyncio.wrap_future(self._ahead)
        except BaseException as error:
            if not isinstance(error, asyncio.CancelledError) or self._ahead.cancelled():
                self._ahead = None
            raise
        self._ahead = None
        return pending


class _Computer:
    """One thread that computes one thing after the other. A daemon, unlike those of an executor: a stream that
    nobody closed, on a source that gives nothing, does not keep the interpreter from ending."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[tuple[Future[Pending | None], Callable[[], Pending | None]] | None] = (
            SimpleQueue()
        )
        self._worker = Worker("edgemm async", self._run)

    def start(self) -> None:
        """Begins to compute what is submitted."""
        self._worker.start()

    def submit(self, task: Callable[[], Pending | None]) -> Future[Pending | None]:
        """What the task will give."""
        future: Future[Pending | None] = Future()
        self._tasks.put((future, task))
        return future

    def close(self) -> None:
        """No further task; the one under way goes on to its end."""
        self._tasks.put(None)

    def _run(self) -> None:
        while (given := self._tasks.get()) is not None:
            future, task = given
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
                future.set_exception(error)
