"""`async for` over a stream: the model runs in a thread, the event loop goes on."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgemm.stream.item import Item
    from edgemm.stream.stream import Pending, Stream


class AsyncItems:
    """The items of a stream for `async for`.

    The result is computed in a thread and handed over in the event loop, so that its age is true there.
    A task that is cancelled while it waits loses nothing: who asks next gets the result it waited for.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="edgemm async")
        self._ahead: asyncio.Future[Pending | None] | None = None

    def __aiter__(self) -> AsyncItems:
        return self

    async def __anext__(self) -> Item:
        while (pending := await self._produce()) is not None:
            item = self._stream.deliver(pending)
            if item is not None:
                return item
        self._thread.shutdown(wait=False)
        raise StopAsyncIteration

    async def _produce(self) -> Pending | None:
        """The next result; a wait that was cancelled is taken up again."""
        if self._ahead is None:
            self._ahead = asyncio.get_running_loop().run_in_executor(self._thread, self._stream.produce)
        try:
            return await asyncio.shield(self._ahead)
        finally:
            if self._ahead.done():
                self._ahead = None
