"""A reader that begins on an event may begin a little back: nothing is lost, doubled or counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from edgemm.capture.files.file_source import FileSource
from edgemm.capture.share.shared import SharedSource
from edgemm.errors import InputError
from edgemm.media import AudioBlock, Captured
from edgemm.results import Tensors
from edgemm.session import Emission
from edgemm.stream.runner import Runner

pytestmark = pytest.mark.device

RATE, LENGTH = 16000, 1600


class Sound(FileSource):
    """Blocks of 100 ms, numbered by their samples; `gap_at` loses one before a block."""

    modality: Literal["image", "audio", "text"] = "audio"

    def __init__(self, count: int, gap_at: int = -1, live: bool = False) -> None:
        self.uri, self.live = "sound", live
        self.withheld: dict[str, int] = {}
        self._items = self._made(count, gap_at)

    def _made(self, count: int, gap_at: int) -> Iterator[AudioBlock]:
        for number in range(count):
            if number == gap_at:
                self.withheld = {"silence": LENGTH}
                continue
            block = AudioBlock(np.full(LENGTH, number, np.float32), RATE, number * 10**8, number * LENGTH)
            yield (
                replace(block, gap_samples=LENGTH, gap_reason="silence")
                if number == gap_at + 1 > 0
                else block
            )

    def read(self, timeout_s: float | None = None) -> Captured | None:
        return next(self._items, None)

    def close(self) -> None:
        pass


def numbers(tap: Any, count: int = 1000) -> list[int]:
    found: list[int] = []
    while len(found) < count and (block := tap.read(1)) is not None:
        found.append(int(block.samples[0]))
    return found


@pytest.mark.parametrize(("back_s", "first"), [(0.0, 20), (0.1, 19), (0.25, 17), (0.5, 15), (0.8, 12)])
def test_a_later_reader_begins_so_far_back(back_s: float, first: int) -> None:
    shared = SharedSource(Sound(30), keep_s=0.8)
    leader = shared.tap()
    assert numbers(leader, 20) == list(range(20))
    late = shared.tap(back_s=back_s)
    leader.close()
    assert numbers(late) == list(range(first, 30))


def test_no_more_is_kept_than_was_heard_or_asked_for() -> None:
    shared = SharedSource(Sound(100), keep_s=0.5)
    leader = shared.tap()
    numbers(leader, 2)
    early = shared.tap(back_s=0.5)
    early.close()
    numbers(leader)
    assert len(shared._kept) == 5
    late = shared.tap(back_s=0.5)
    assert numbers(late) == list(range(95, 100))  # the source has ended; what was kept still comes


def test_gaps_within_what_was_kept_are_told_and_the_one_before_is_not() -> None:
    shared = SharedSource(Sound(12, gap_at=7), keep_s=1.0)
    leader = shared.tap()
    numbers(leader, 9)  # 0 to 6, 8, 9
    across, behind = shared.tap(back_s=0.3), shared.tap(back_s=0.2)
    leader.close()
    first = across.read(1)
    assert isinstance(first, AudioBlock)
    assert (int(first.samples[0]), first.gap_samples) == (6, 0)
    second = across.read(1)
    assert isinstance(second, AudioBlock)
    assert (int(second.samples[0]), second.gap_samples, dict(across.withheld)) == (
        8,
        LENGTH,
        {"silence": LENGTH},
    )
    first = behind.read(1)
    assert isinstance(first, AudioBlock)
    assert (int(first.samples[0]), first.gap_samples, dict(behind.withheld)) == (8, 0, {})


@pytest.mark.parametrize("keep_s", [-0.1, 2.1])
def test_what_cannot_be_kept_is_refused(keep_s: float) -> None:
    with pytest.raises(InputError, match="keep_s: expected 0 to 2 seconds"):
        SharedSource(Sound(1), keep_s=keep_s)
    with pytest.raises(InputError, match="keep_s: expected 0 to 2 seconds"):
        Runner(keep_s=keep_s)


def test_further_back_than_is_kept_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"back_s: expected 0 to 0.5 seconds, which are kept of sound, found 0.6"
    ):
        SharedSource(Sound(1), keep_s=0.5).tap(back_s=0.6)


class Counting:
    """A model whose session notes the numbers of what it is fed with."""

    modality: Literal["image", "audio", "text"] = "audio"

    def __init__(self) -> None:
        self.fed: list[int] = []
        self.closed = 0

    def session(self) -> Any:
        return self

    def feed(self, item: Any, clock: Any) -> Any:
        self.fed.append(int(item.samples[0]))
        return [Emission(Tensors({}), item.captured_ns, item.captured_ns)]

    def gap(self, gap: Any, clock: Any) -> Any:
        return ()

    def finish(self, clock: Any) -> Any:
        return ()

    def cancel(self) -> None:
        pass

    def reset(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


def test_a_stream_that_is_added_on_a_wake_word_hears_what_was_said_with_it() -> None:
    wake, command, source = Counting(), Counting(), Sound(40)
    with Runner(keep_s=0.5) as runner:
        runner.add("wake", wake, source)
        for name, _ in runner:
            if name == "wake" and len(wake.fed) >= 20 and "command" not in runner.summary():
                runner.add("command", command, source, back_s=0.5)
        heard = runner.summary()["command"]
    assert command.fed == list(range(command.fed[0], 40))
    assert command.fed[0] <= 20
    samples = heard["samples"]
    assert samples["captured"] == samples["delivered"] == LENGTH * len(command.fed)


def test_a_stream_that_may_not_begin_so_far_back_leaves_nothing_open() -> None:
    model, source = Counting(), Sound(1)
    with Runner() as runner, pytest.raises(InputError, match="back_s"):
        runner.add("command", model, source, back_s=0.5)
    assert model.closed == 1
