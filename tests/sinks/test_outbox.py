"""The queue of a sink: what it takes, what it refuses, how its thread ends, and that nobody ever waits for it."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from needs import needs

from edgemm.errors import EdgemmError, InputError, MachineShortage
from edgemm.opencv import opencv
from edgemm.sinks import CallbackSink
from edgemm.sinks.drawn import slots
from edgemm.sinks.outbox import CAPACITY, Outbox
from edgemm.stream.item import Item

pytestmark = pytest.mark.device
needs(opencv)
MakeItem = Callable[..., Item]
LONG_S = 60.0
"""Nothing here takes that long, on any machine."""


class Hangs:
    """A writer that hangs until it is let go."""

    def __init__(self) -> None:
        self.entered, self.let_go = threading.Event(), threading.Event()
        self.written: list[int] = []

    def __call__(self, slot: Any) -> None:
        self.entered.set()
        assert self.let_go.wait(LONG_S)
        self.written.append(slot.sequence)


@pytest.fixture
def hangs() -> Iterator[Hangs]:
    writer = Hangs()
    yield writer
    writer.let_go.set()


def test_a_writer_that_hangs_costs_its_own_items_and_no_time(hangs: Hangs, item: MakeItem) -> None:
    """Were `put` to wait for the writer, this test would never come to its end."""
    outbox = Outbox("film", slots(), hangs, capacity=3)
    assert outbox.put("", item(0))
    assert hangs.entered.wait(LONG_S)
    assert [outbox.put("", item(number)) for number in range(1, 1001)] == [True, True] + [False] * 998
    assert outbox.refused == {"busy": 998}
    hangs.let_go.set()
    outbox.close()
    assert hangs.written == [0, 1, 2]
    assert (outbox.taken, outbox.written) == (3, 3)


def test_what_is_refused_is_not_copied(hangs: Hangs, item: MakeItem) -> None:
    outbox = Outbox("film", slots(), hangs, capacity=1)
    outbox.put("", item(0))

    class Untouchable:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} was looked at")

    assert not outbox.put("", Untouchable())  # type: ignore[arg-type]
    assert outbox.refused == {"busy": 1}


def test_a_closed_outbox_refuses_and_says_why(item: MakeItem) -> None:
    outbox = Outbox("film", slots(), lambda slot: None)
    outbox.close()
    outbox.close()
    outbox.drain(LONG_S)
    assert not outbox.put("", item())
    assert outbox.refused == {"closed": 1}


def test_sound_is_refused_where_pictures_are_drawn(sound: Item, item: MakeItem) -> None:
    outbox = Outbox("film", slots(), lambda slot: None, capacity=1)
    assert not outbox.put("", sound)
    assert outbox.refused == {"no_picture": 1}
    assert outbox.put("", item())  # its place is free again
    outbox.close()


def test_the_frame_is_copied_before_put_returns(item: MakeItem, hangs: Hangs) -> None:
    pixels = np.full((48, 64, 3), 7, np.uint8)
    seen: list[int] = []

    def write(slot: Any) -> None:
        assert hangs.let_go.wait(LONG_S)
        seen.append(int(slot.drawn().max()))

    outbox = Outbox("film", slots(), write)
    outbox.put("", item(pixels=pixels))
    pixels[:] = 200
    hangs.let_go.set()
    outbox.close()
    assert seen == [7]


def test_drain_waits_until_all_is_written(item: MakeItem) -> None:
    written = []
    outbox = Outbox("film", slots(), lambda slot: written.append(slot.sequence))
    for number in range(20):
        outbox.put("", item(number))
        outbox.drain(LONG_S)
        assert written[-1] == number
    outbox.close()


def test_drain_gives_up_in_time(hangs: Hangs, item: MakeItem) -> None:
    outbox = Outbox("film x", slots(), hangs)
    outbox.put("", item())
    with pytest.raises(EdgemmError, match=r"film x: what was taken is not written within 0\.01 s"):
        outbox.drain(0.01)


def test_close_gives_up_in_time(hangs: Hangs, item: MakeItem) -> None:
    outbox = Outbox("film x", slots(), hangs)
    outbox.put("", item())
    with pytest.raises(EdgemmError, match=r"film x: the writer does not come to its end within 0\.01 s"):
        outbox.close(0.01)
    outbox.close()  # told once


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (OSError(28, "No space left on device"), MachineShortage, "film: the disk is full"),
        (MemoryError(), MachineShortage, "film: there is not enough memory"),
        (ValueError("odd"), EdgemmError, "film: ValueError: odd"),
        (InputError("as it is"), InputError, "^as it is$"),
        (SystemExit(3), EdgemmError, "film: SystemExit: 3"),
    ],
)
@pytest.mark.parametrize("ask", ["drain", "close"])
def test_an_error_of_the_writer_is_told_once(
    raised: BaseException, kind: type[EdgemmError], said: str, ask: str, item: MakeItem
) -> None:
    finished: list[bool] = []

    def write(slot: Any) -> None:
        raise raised

    outbox = Outbox("film", slots(), write, finished.append)
    assert outbox.put("", item())
    with pytest.raises(kind, match=said):
        outbox.drain(LONG_S) if ask == "drain" else outbox.close()
    outbox.drain(LONG_S)
    outbox.close()
    assert finished == [True]
    assert outbox.written == 0


def test_after_an_error_nothing_is_taken(item: MakeItem) -> None:
    outbox = Outbox("film", slots(), lambda slot: 1 / 0)
    outbox.put("", item())
    with pytest.raises(EdgemmError, match="ZeroDivisionError"):
        outbox.drain(LONG_S)
    assert not outbox.put("", item())
    assert outbox.refused == {"failed": 1}
    assert not outbox.wait_for_room(LONG_S)
    outbox.close()


def test_what_waits_behind_an_error_is_not_written(item: MakeItem, hangs: Hangs) -> None:
    calls: list[int] = []

    def write(slot: Any) -> None:
        calls.append(slot.sequence)
        assert hangs.let_go.wait(LONG_S)
        raise ValueError

    outbox = Outbox("film", slots(), write)
    for number in range(3):
        assert outbox.put("", item(number))
    hangs.let_go.set()
    with pytest.raises(EdgemmError, match="ValueError"):
        outbox.close()
    assert calls == [0]


def test_an_error_at_the_end_is_told_too() -> None:
    outbox = Outbox("film", slots(), lambda slot: None, lambda failed: 1 / 0)
    with pytest.raises(EdgemmError, match="ZeroDivisionError"):
        outbox.close()


def test_what_was_written_is_what_the_writer_says(item: MakeItem) -> None:
    outbox = Outbox("film", slots(), lambda slot: slot.sequence % 2 == 0, capacity=10)
    for number in range(5):
        outbox.put("", item(number))
    outbox.close()
    assert (outbox.taken, outbox.written) == (5, 3)


def test_who_may_wait_loses_nothing(item: MakeItem) -> None:
    outbox = Outbox("film", slots(), lambda slot: None, capacity=2)
    for number in range(300):
        assert outbox.wait_for_room(LONG_S)
        assert outbox.put("", item(number))
    outbox.close()
    assert (outbox.written, outbox.refused) == (300, {})


def test_waiting_for_room_ends(hangs: Hangs, item: MakeItem) -> None:
    outbox = Outbox("film", slots(), hangs, capacity=1)
    outbox.put("", item())
    assert not outbox.wait_for_room(0.01)
    hangs.let_go.set()
    assert outbox.wait_for_room(LONG_S)
    outbox.close()


def test_the_idle_action_comes_while_nothing_does() -> None:
    came = threading.Event()
    outbox = Outbox("window", slots(), lambda slot: None, idle=came.set, idle_s=0.001)
    assert came.wait(LONG_S)
    outbox.close()


def test_an_outbox_counts_what_many_threads_put(item: MakeItem) -> None:
    outbox = Outbox("film", slots(), lambda slot: None)
    one = item()

    def put() -> None:
        for _ in range(500):
            outbox.put("", one)

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outbox.close()
    assert outbox.taken + outbox.refused.get("busy", 0) == 2000
    assert outbox.written == outbox.taken


def test_close_while_others_put_counts_each_item_once(item: MakeItem) -> None:
    for _ in range(20):
        outbox, begun = Outbox("film", slots(), lambda slot: None), threading.Event()
        one = item()

        def put(outbox: Outbox[Any] = outbox, begun: threading.Event = begun, one: Item = one) -> None:
            for _ in range(200):
                outbox.put("", one)
                begun.set()

        thread = threading.Thread(target=put)
        thread.start()
        assert begun.wait(LONG_S)
        outbox.close()
        thread.join()
        assert outbox.taken + sum(outbox.refused.values()) == 200
        assert outbox.written == outbox.taken


def test_the_steady_state_allocates_no_picture(item: MakeItem, box: Any) -> None:
    """A picture has 900 kB; what is left beside it are results and numbers."""
    pixels = np.zeros((480, 640, 3), np.uint8)
    items = [item(number, pixels=pixels, value=box) for number in range(10)]
    outbox = Outbox("film", slots(), lambda slot: slot.drawn())

    def round_of_items() -> None:
        for each in items:
            outbox.put("", each)
            outbox.drain(LONG_S)

    round_of_items()
    gc.collect()
    tracemalloc.start()
    try:
        round_of_items()
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()
        outbox.close()


def test_closing_from_the_writer_itself_does_not_hang(item: MakeItem) -> None:
    done = threading.Event()

    def write(stream: str, item: Item) -> None:
        sink.drain(LONG_S)
        sink.close()
        done.set()

    sink = CallbackSink(write)
    sink.put("", item())
    assert done.wait(LONG_S)
    sink.close()


def test_a_with_block_raises_the_error_of_its_sink(item: MakeItem) -> None:
    with pytest.raises(EdgemmError, match="ZeroDivisionError"), CallbackSink(lambda *_: 1 / 0) as sink:
        sink.put("", item())


def test_a_with_block_raises_its_own_error_first(item: MakeItem) -> None:
    def ends_early() -> None:
        with CallbackSink(lambda *_: 1 / 0) as sink:
            sink.put("", item())
            raise KeyError

    with pytest.raises(KeyError):
        ends_early()


def test_the_capacity_is_small() -> None:
    """At 4K each place takes 25 MB."""
    assert CAPACITY <= 4
