"""Several sinks, and a function as one."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fake_session import FakeSession, emitted
from needs import needs

from edgemm.errors import EdgemmError
from edgemm.media import Captured, Frame
from edgemm.opencv import opencv
from edgemm.session import Emission, StageClock
from edgemm.sinks import CallbackSink, Sinks
from edgemm.sinks.sink import HasRoom, Sink
from edgemm.stream.item import Item
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device
needs(opencv)
MakeItem = Callable[..., Item]
LONG_S = 60.0


class Plain:
    """A sink that does as it is told."""

    name = "plain"

    def __init__(self, takes: bool = True, raises: Exception | None = None) -> None:
        self.takes, self.raises = takes, raises
        self.items: list[Item] = []
        self.calls: list[str] = []

    def put(self, stream: str, item: Item) -> bool:
        if self.raises:
            raise self.raises
        self.items.append(item)
        return self.takes

    def drain(self, timeout_s: float) -> None:
        self.calls.append("drain")
        if self.raises:
            raise self.raises

    def close(self) -> None:
        self.calls.append("close")
        if self.raises:
            raise self.raises

    def summary(self) -> dict[str, Any]:
        return {"items": len(self.items)}


def test_each_gets_every_item_and_what_each_refused_is_counted(item: MakeItem) -> None:
    first, second = Plain(), Plain(takes=False)
    sinks = Sinks([first, second])
    assert [sinks.put("", item(number)) for number in range(3)] == [False] * 3
    assert len(first.items) == len(second.items) == 3
    assert sinks.refused() == {"plain": 0, "plain 2": 3}
    assert sinks.summary() == {"plain": {"items": 3}, "plain 2": {"items": 3}}
    assert Sinks([first]).put("", item())


def test_one_that_raises_has_no_effect_on_the_others(item: MakeItem) -> None:
    bad, good = Plain(raises=ValueError("odd")), Plain()
    sinks = Sinks([bad, good])
    assert not sinks.put("", item())
    assert len(good.items) == 1
    with pytest.raises(EdgemmError, match="plain: ValueError: odd"):
        sinks.drain(1)
    with pytest.raises(EdgemmError, match="plain: ValueError: odd"):
        sinks.close()
    assert good.calls == ["drain", "close"]


def test_the_first_error_is_raised_and_the_others_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    sinks = Sinks([Plain(raises=EdgemmError("one")), Plain(raises=EdgemmError("two"))])
    with pytest.raises(EdgemmError, match="one"):
        sinks.close()
    assert "two" in caplog.text


def test_without_sinks_nothing_is_refused(item: MakeItem) -> None:
    with Sinks([]) as sinks:
        assert sinks.put("", item())
        sinks.drain(0)


def test_a_function_gets_the_stream_and_a_copy_of_the_item_in_rgb(item: MakeItem) -> None:
    given = item(3, pixels=np.array([[[1, 2, 3]]], np.uint8), color="bgr")
    seen: list[tuple[str, Item, list[int]]] = []

    def function(stream: str, each: Item) -> None:
        assert isinstance(each.frame, Frame)
        seen.append((stream, each, each.frame.pixels[0, 0].tolist()))

    with CallbackSink(function) as sink:
        assert sink.put("door", given)
    (stream, each, pixels), *_ = seen
    assert (stream, pixels) == ("door", [3, 2, 1])
    assert isinstance(each.frame, Frame)
    assert (each.sequence, each.captured_ns, each.frame.color) == (3, given.captured_ns, "rgb")
    assert each.value is given.value
    assert sink.summary() == {"taken": 1, "written": 1, "refused": {}}


def test_a_function_gets_sound_too(sound: Item) -> None:
    seen: list[Item] = []
    with CallbackSink(lambda stream, each: seen.append(each)) as sink:
        assert sink.put("", sound)
    assert seen[0].frame is not sound.frame
    assert not np.shares_memory(seen[0].frame.samples, sound.frame.samples)  # type: ignore[union-attr]


def test_the_sinks_are_sinks() -> None:
    def is_sink(sink: Sink) -> None:
        assert isinstance(sink, HasRoom)

    with CallbackSink(print) as sink, Sinks([]) as sinks:
        is_sink(sink)
        is_sink(sinks)


class Pictures:
    """A source of a number of pictures."""

    uri, modality, live, fps = "pictures", "image", False, 30.0

    def __init__(self, number: int) -> None:
        self._left = iter(range(number))

    def read(self, timeout_s: float | None = None) -> Frame | None:
        number = next(self._left, None)
        return None if number is None else Frame(np.zeros((8, 8, 3), np.uint8), number, number)

    def close(self) -> None:
        pass

    def __enter__(self) -> Pictures:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class Nothing(FakeSession):
    """A session that answers each frame with the same."""

    def feed(self, captured: Captured, clock: StageClock) -> Iterator[Emission]:
        from edgemm.results import Embedding

        yield emitted(captured, Embedding(np.zeros(1, np.float32)))

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_stream_comes_to_its_end_beside_a_sink_that_hangs() -> None:
    """The hanging function is let go only after the stream has delivered everything."""
    let_go = threading.Event()
    hanging = CallbackSink(lambda *_: let_go.wait(LONG_S), capacity=2)
    good: list[int] = []
    following = CallbackSink(lambda stream, each: good.append(each.sequence), capacity=300)
    sinks = Sinks([hanging, following])
    with Stream(Nothing(), Pictures(200)) as stream:  # type: ignore[arg-type]
        for each in stream:
            sinks.put("", each)
        assert stream.ledger.summary()["delivered"] == 200
    assert sinks.refused() == {"callback": 198, "callback 2": 0}
    let_go.set()
    sinks.close()
    assert good == list(range(200))


def test_a_loop_over_a_file_may_wait_so_that_nothing_is_refused() -> None:
    written: list[int] = []
    sinks = Sinks([CallbackSink(lambda stream, each: written.append(each.sequence), capacity=1), Plain()])
    with Stream(Nothing(), Pictures(200)) as stream:  # type: ignore[arg-type]
        for each in stream:
            assert sinks.wait_for_room(LONG_S)
            sinks.put("", each)
    sinks.close()
    assert written == list(range(200))


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_all_are_closed_although_one_is_interrupted(kind: type[BaseException]) -> None:
    """The interruption is raised afterwards, and comes before errors of sinks."""
    first, second, last = (Plain(raises=each) for each in (EdgemmError("full"), kind("now"), None))  # type: ignore[arg-type]
    with pytest.raises(kind, match="now"):
        Sinks([first, second, last]).close()
    assert [sink.calls for sink in (first, second, last)] == [["close"]] * 3


def test_waiting_for_sinks_may_be_interrupted() -> None:
    first, second = Plain(raises=KeyboardInterrupt()), Plain()  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        Sinks([first, second]).drain(1)
    assert second.calls == []


def test_an_interrupted_close_comes_to_its_end_all_the_same(item: MakeItem) -> None:
    """SIGINT comes while `close` waits for the writer."""
    main = threading.get_ident()
    written: list[int] = []

    def write(stream: str, each: Item) -> None:
        until_s = time.monotonic() + LONG_S
        while sink._outbox._life.is_open and time.monotonic() < until_s:
            time.sleep(0.001)
        if each.sequence == 0:
            signal.pthread_kill(main, signal.SIGINT)
            time.sleep(0.05)  # the main thread is woken, or was about to wait
        written.append(each.sequence)

    sink = CallbackSink(write)
    for number in range(3):
        assert sink.put("", item(number))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            sink.close()
    finally:
        signal.signal(signal.SIGINT, before)
    assert written == [0, 1, 2]
