"""`async for`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from edgemm.errors import SourceLost
from edgemm.media import Captured
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

Make = Callable[..., Any]


def test_async_for_gives_what_for_gives(pictures: Make, sums: Make, time: Any) -> None:
    async def main() -> list[int]:
        with Stream(sums(), pictures(5), now_ns=time.now_ns) as stream:
            return [item.sequence async for item in stream]

    assert asyncio.run(main()) == [0, 1, 2, 3, 4]


def test_the_event_loop_goes_on_meanwhile(pictures: Make, sums: Make) -> None:
    seen = threading.Event()
    session = sums(before=lambda item: seen.wait(10))  # the model is done only once the loop has turned

    async def main() -> bool:
        with Stream(session, pictures(1)) as stream:
            asyncio.get_running_loop().call_soon(seen.set)
            items = [item async for item in stream]
        return len(items) == 1 and seen.is_set()

    assert asyncio.run(main())


def test_a_cancelled_wait_loses_no_result(pictures: Make, sums: Make) -> None:
    working, go_on = threading.Event(), threading.Event()

    def hold(item: Captured) -> None:
        working.set()
        go_on.wait(10)

    async def main() -> list[int]:
        with Stream(sums(before=hold), pictures(3)) as stream:
            first = asyncio.ensure_future(anext(aiter(stream)))
            await asyncio.to_thread(working.wait, 10)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            go_on.set()
            items = [item async for item in stream]
            assert stream.ledger.summary()["dropped"] == {}
        return [item.sequence for item in items]

    assert asyncio.run(main()) == [0, 1, 2]


def test_an_error_comes_through(pictures: Make, sums: Make) -> None:
    async def main() -> None:
        with Stream(sums(), pictures(2, bad=(0, 1))) as stream:
            async for _ in stream:
                pass

    with pytest.raises(SourceLost):
        asyncio.run(main())


def test_a_closed_stream_is_at_its_end(pictures: Make, sums: Make) -> None:
    async def main() -> list[object]:
        stream = Stream(sums(), pictures(5))
        await anext(aiter(stream))
        stream.close()
        return [item async for item in stream]

    assert asyncio.run(main()) == []


def test_a_stream_that_nobody_closed_does_not_keep_the_interpreter_from_ending() -> None:
    code = (
        "import asyncio, threading; from edgemm.stream.stream import Stream\n"
        "class Silent:\n"
        "    uri, modality, live = 'silent', 'image', False\n"
        "    def read(self, timeout_s=None): threading.Event().wait()\n"
        "    def close(self): pass\n"
        "class Model:\n"
        "    def feed(self, captured, clock): return ()\n"
        "    def gap(self, gap, clock): return ()\n"
        "    def finish(self, clock): return ()\n"
        "    def cancel(self): pass\n"
        "    def reset(self): pass\n"
        "    def close(self): pass\n"
        "async def main():\n"
        "    try: await asyncio.wait_for(anext(aiter(Stream(Model(), Silent()))), 0.1)\n"
        "    except asyncio.TimeoutError: print('given up')\n"
        "asyncio.run(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout == "given up\n"
