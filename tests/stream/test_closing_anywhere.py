"""Every close, from anywhere: other threads, callbacks, while something starts, reads or iterates."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import numpy as np
import pytest

from edgemm.capture.share.shared import SharedSource
from edgemm.errors import EdgemmError, InputError, SourceLost
from edgemm.media import Frame
from edgemm.stream.budget import Budget
from edgemm.stream.item import Item
from edgemm.stream.runner import Runner
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

Make = Callable[..., Any]
WAIT_S = 10


class Ticks:
    """A live source of grey pixels that gives one whenever it is asked. `reading(n)` is called before the n-th."""

    uri = "ticks"
    modality: Literal["image", "audio", "text"] = "image"
    live = True

    def __init__(self, reading: Callable[[int], object] = lambda number: None) -> None:
        self.reading = reading
        self.number = 0
        self.closed = 0

    def read(self, timeout_s: float | None = None) -> Frame | None:
        self.reading(self.number)
        self.number += 1
        return None if self.closed else Frame(np.zeros((1, 1), np.uint8), 0, self.number - 1, "gray")

    def close(self) -> None:
        self.closed += 1

    def __enter__(self) -> Any: ...
    def __exit__(self, *error: object) -> None: ...


class Model:
    def __init__(self, make: Make) -> None:
        self.session = make


def no_thread_is_left() -> bool:
    for thread in threading.enumerate():
        if thread.name.startswith("edgemm"):
            thread.join(WAIT_S)
    return not [thread for thread in threading.enumerate() if thread.name.startswith("edgemm")]


def test_a_stream_is_closed_while_its_reader_starts(sums: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread is there, and has not begun to run: it cannot be joined then."""
    starting, start = threading.Event(), threading.Thread.start

    def close() -> None:
        starting.wait(WAIT_S)
        stream.close()

    closer = threading.Thread(target=close)

    def slow_start(self: threading.Thread) -> None:
        if self.name.startswith("edgemm"):
            starting.set()
            closer.join(0.05)  # if it does not wait, it has ended by then
        start(self)

    stream = Stream(sums(), Ticks(), Budget(policy="newest"))
    failed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    closer.start()
    monkeypatch.setattr(threading.Thread, "start", slow_start)
    assert len(list(stream)) <= 1
    closer.join(WAIT_S)
    assert (failed, no_thread_is_left()) == ([], True)


def test_nothing_is_started_after_closing(sums: Make) -> None:
    before = threading.active_count()
    stream = Stream(sums(), Ticks(), Budget(policy="newest"))
    stream.close()

    async def items() -> list[Item]:
        return [item async for item in stream]

    assert list(stream) == asyncio.run(asyncio.wait_for(items(), WAIT_S)) == []
    assert threading.active_count() == before


def test_an_error_that_closing_caused_is_not_raised(sums: Make) -> None:
    def fail(number: int) -> None:
        if number == 3:
            stream.close()
            raise SourceLost("closed under its hands")

    stream = Stream(sums(), Ticks(fail), Budget(policy="all"), owns_source=True)
    assert len(list(stream)) == 3


def test_all_parts_are_closed_whatever_one_of_them_raises(sums: Make) -> None:
    session, source = sums(), Ticks()

    def refuse() -> None:
        source.closed += 1
        raise OSError("the driver does not want to")

    source.close = refuse  # type: ignore[method-assign]
    stream = Stream(session, source, owns_source=True)
    next(stream)
    with pytest.raises(OSError, match="does not want to"):
        stream.close()
    assert (session.closed, source.closed, no_thread_is_left()) == (1, 1, True)


def test_one_stream_that_cannot_be_closed_leaves_no_other_open(sums: Make) -> None:
    sessions = [sums() for _ in range(3)]
    runner = Runner()
    for number, session in enumerate(sessions):
        runner.add(str(number), Model(lambda session=session: session), Ticks())
    next(runner)

    def refuse() -> None:
        raise OSError("stuck")

    sessions[1].close = refuse
    with suppress(OSError):  # raised here, or in the thread that was at work just then
        runner.close()
    assert [sessions[0].closed, sessions[2].closed] == [1, 1]
    assert no_thread_is_left()


def test_a_runner_is_closed_from_a_callback_and_the_loop_ends(sums: Make) -> None:
    session = sums()
    with Runner() as runner:
        runner.add("a", Model(lambda: session), Ticks(), on_item=lambda item: runner.close())
        runner.add("b", Model(sums), Ticks(), on_item=lambda item: runner.close())
        assert len(list(runner)) <= 2
    assert session.closed == 1
    assert no_thread_is_left()


def test_a_runner_is_closed_while_another_thread_waits_for_its_items(sums: Make) -> None:
    silent = threading.Event()
    runner = Runner()
    runner.add("a", Model(sums), Ticks(lambda number: silent.wait(0.01)))
    ended = threading.Thread(target=lambda: list(runner))
    ended.start()
    runner.close()
    ended.join(WAIT_S)
    assert not ended.is_alive()
    assert no_thread_is_left()


def test_what_is_added_while_the_runner_closes_is_closed_too(sums: Make) -> None:
    sessions: list[Any] = []

    def session() -> Any:
        sessions.append(sums())
        if len(sessions) == 2:
            threading.Thread(target=runner.close).start()
            while runner._life.is_open:
                pass
        return sessions[-1]

    runner = Runner()
    runner.add("a", Model(session), Ticks())
    with pytest.raises(InputError, match="the runner is closed"):
        runner.add("b", Model(session), Ticks())
    runner.close()
    assert [each.closed for each in sessions] == [1, 1]


def test_a_signal_handler_may_close_what_it_interrupts(sums: Make) -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: runner.close())
    try:
        with Runner() as runner:
            runner.add("a", Model(sums), Ticks())
            for taken, _ in enumerate(runner):
                if taken == 3:
                    signal.raise_signal(signal.SIGUSR1)
        assert taken == 3
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert no_thread_is_left()


def test_a_tap_is_closed_from_another_thread_while_it_reads() -> None:
    reading, go_on = threading.Event(), threading.Event()

    def wait(number: int) -> None:
        reading.set()
        go_on.wait(WAIT_S)

    shared = SharedSource(Ticks(wait))
    tap, other = shared.tap(), shared.tap()
    answers: list[object] = []
    reader = threading.Thread(target=lambda: answers.append(tap.read()))
    reader.start()
    assert reading.wait(WAIT_S)
    tap.close()
    tap.close()
    go_on.set()
    reader.join(WAIT_S)
    assert answers == [None]
    assert isinstance(other.read(1), Frame)  # what was read for both


def test_the_last_runner_that_is_closed_gives_the_switch_interval_back(sums: Make) -> None:
    first, second = Runner(), Runner()
    for runner in (first, second):
        runner.add("a", Model(sums), Ticks())
        next(runner)
    first.close()
    first.close()
    assert sys.getswitchinterval() == pytest.approx(5e-5)
    second.close()
    assert sys.getswitchinterval() == pytest.approx(5e-3)


@pytest.mark.parametrize("error", [SystemExit(7), KeyboardInterrupt(), GeneratorExit()])
@pytest.mark.parametrize("where", ["on_item", "read"])
def test_what_ends_the_program_is_raised_where_it_is_iterated(
    sums: Make, error: BaseException, where: str
) -> None:
    def fail(_: object) -> None:
        raise error

    session = sums()
    source = Ticks(fail if where == "read" else lambda number: None)
    with Runner() as runner:
        runner.add("a", Model(lambda: session), source, on_item=fail if where == "on_item" else None)
        with pytest.raises(type(error)) as caught:
            list(runner)
    assert caught.value is error
    assert session.closed == 1


@pytest.mark.parametrize("error", [SystemExit(7), KeyboardInterrupt()])
@pytest.mark.parametrize("policy", ["newest", "all"])
def test_what_ends_the_program_is_raised_from_a_stream_too(
    sums: Make, error: BaseException, policy: Any
) -> None:
    def fail(_: object) -> None:
        raise error

    with pytest.raises(type(error)), Stream(sums(), Ticks(fail), Budget(policy=policy)) as stream:
        next(stream)


def test_what_ends_the_program_ends_an_event_loop(sums: Make) -> None:
    def fail(_: object) -> None:
        raise SystemExit(7)

    async def main() -> None:
        with Stream(sums(), Ticks(fail), Budget(policy="all")) as stream:
            async for _ in stream:
                pass

    with pytest.raises(SystemExit):
        asyncio.run(main())


@pytest.mark.parametrize("policy", ["newest", "all"])
def test_stop_iteration_ends_no_stream_in_silence(sums: Make, policy: Any) -> None:
    def fail(_: object) -> None:
        raise StopIteration

    with (
        Stream(sums(), Ticks(fail), Budget(policy=policy)) as stream,
        pytest.raises(EdgemmError, match="ticks"),
    ):
        next(stream)


def test_no_thread_to_be_had_names_its_stream_and_the_others_go_on(
    sums: Make, monkeypatch: pytest.MonkeyPatch, pictures: Make
) -> None:
    start = threading.Thread.start

    def refuse(self: threading.Thread) -> None:
        if self.name == "edgemm bad":
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with Runner() as runner:
        runner.add("bad", Model(sums), pictures(2))
        runner.add("good", Model(sums), pictures(2))
        names: list[str] = []
        with pytest.raises(EdgemmError, match="stream 'bad': thread 'edgemm bad' cannot be started"):
            names.extend(name for name, _ in runner)
        names.extend(name for name, _ in runner)
    assert names == ["good", "good"]


def test_too_little_memory_is_a_sentence(sums: Make, pictures: Make) -> None:
    def fail(item: object) -> None:
        raise MemoryError

    with Runner() as runner:
        runner.add("a", Model(lambda: sums(before=fail)), pictures(1))
        with pytest.raises(EdgemmError, match="stream 'a': there is not enough memory"):
            next(runner)
