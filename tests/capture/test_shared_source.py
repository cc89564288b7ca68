"""One source for several readers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
import pytest

from edgemm.capture.files.file_source import FileSource
from edgemm.capture.share.shared import SharedSource
from edgemm.capture.share.tap import WAITING, Tap
from edgemm.errors import SourceLost, SourceTimeout
from edgemm.media import AudioBlock, Captured, Frame

pytestmark = pytest.mark.device


class Numbers(FileSource):
    """Gives the items that it was made with, and counts how often it is read."""

    def __init__(
        self, items: Iterator[Captured], modality: Literal["image", "audio", "text"], *, live: bool
    ) -> None:
        self.uri, self.modality, self.live = "numbers", modality, live
        self.items = items
        self.reads = 0
        self.error: Exception | None = None

    def read(self, timeout_s: float | None = None) -> Captured | None:
        self.reads += 1
        if self.error is not None:
            raise self.error
        return next(self.items, None)

    def close(self) -> None:
        pass


class Counting(Numbers):
    lost: Mapping[str, int] = {}


def frames(*numbers: int) -> Iterator[Captured]:
    return (Frame(np.zeros((1, 1), np.uint8), number, number, "gray") for number in numbers)


def blocks(count: int, samples: int = 160) -> Iterator[Captured]:
    return (
        AudioBlock(np.full(samples, n, np.float32), 16000, n, n * samples, origin="sound")
        for n in range(count)
    )


def sequences(tap: Tap) -> list[int]:
    found = []
    while (item := tap.read(5)) is not None:
        assert isinstance(item, Frame)
        found.append(item.sequence)
    return found


def test_every_reader_gets_every_item_of_a_file_and_it_is_read_once() -> None:
    source = Numbers(frames(*range(50)), "image", live=False)
    shared = SharedSource(source)
    taps = [shared.tap() for _ in range(3)]
    found: dict[int, list[int]] = {}

    def collect(number: int) -> None:
        found[number] = sequences(taps[number])

    threads = [threading.Thread(target=collect, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == {number: list(range(50)) for number in range(3)}
    assert source.reads == 51  # the last one found the end


def test_a_file_waits_for_the_reader_who_is_behind_and_no_longer_once_it_is_gone() -> None:
    shared = SharedSource(Numbers(frames(*range(50)), "image", live=False))
    quick, slow = shared.tap(), shared.tap()
    for _ in range(WAITING):
        quick.read()
    with pytest.raises(SourceTimeout):
        quick.read(0.01)
    slow.close()
    assert sequences(quick) == list(range(WAITING, 50))


def test_of_live_pictures_a_slow_reader_gets_the_newest_and_counts_the_rest() -> None:
    shared = SharedSource(Numbers(frames(*range(10)), "image", live=True))
    quick, slow = shared.tap(), shared.tap()
    for _ in range(7):
        quick.read()
    item = slow.read()
    assert isinstance(item, Frame)
    assert item.sequence == 6
    assert (slow.lost, quick.lost) == ({"superseded": 6}, {})


def test_live_sound_of_which_too_much_waits_becomes_a_gap_of_its_reader_alone() -> None:
    shared = SharedSource(Numbers(blocks(400), "audio", live=True))
    quick, slow = shared.tap(), shared.tap()
    heard = 0
    for _ in range(300):
        block = quick.read()
        assert isinstance(block, AudioBlock)
        assert block.gap_samples == 0
    position = 0
    while isinstance(block := slow.read(), AudioBlock):
        position += block.gap_samples
        assert block.position == position
        position += len(block.samples)
        heard += len(block.samples)
        if block.gap_samples:
            assert block.gap_reason == "overflow"
    assert position == 400 * 160
    assert 2.0 * 16000 <= heard < position


def test_what_the_source_loses_each_reader_counts_from_when_it_came() -> None:
    source = Counting(frames(*range(9)), "image", live=True)
    shared = SharedSource(source)
    source.lost = {"corrupt": 2}
    early = shared.tap()
    source.lost = {"corrupt": 3}
    late = shared.tap()
    assert (early.lost, late.lost) == ({"corrupt": 1}, {})


def test_holes_in_the_numbers_are_counted_where_the_source_does_not() -> None:
    shared = SharedSource(Numbers(frames(0, 1, 5), "image", live=False))
    tap = shared.tap()
    sequences(tap)
    assert tap.lost == {"missing": 3}


def test_every_reader_is_told_that_the_source_failed() -> None:
    source = Numbers(frames(0), "image", live=True)
    shared = SharedSource(source)
    taps = shared.tap(), shared.tap()
    source.error = SourceLost("unplugged")
    for tap in taps:
        with pytest.raises(SourceLost, match="unplugged"):
            tap.read(1)


def test_a_reader_that_waits_is_woken_when_its_tap_is_closed() -> None:
    waits = threading.Event()

    class Silent(Numbers):
        def read(self, timeout_s: float | None = None) -> Captured | None:
            waits.wait(10)
            return None

    shared = SharedSource(Silent(frames(), "image", live=True))
    leader, follower = shared.tap(), shared.tap()
    answers: list[Captured | None] = []

    def reads(tap: Tap) -> None:
        answers.append(tap.read(10))

    threads = [threading.Thread(target=reads, args=[tap]) for tap in (leader, follower)]
    threads[0].start()
    while not shared._reading:
        threads[0].join(0.001)
    threads[1].start()
    follower.close()
    threads[1].join(5)
    assert answers == [None]
    waits.set()
    threads[0].join(5)
    assert answers == [None, None]


def test_of_a_source_that_keeps_the_newest_no_reader_gets_one_that_waited() -> None:
    class Camera(Numbers):
        keeps_newest = True

    shared = SharedSource(Camera(frames(*range(10)), "image", live=True))
    quick, slow = shared.tap(), shared.tap()
    quick.read()  # offers 0 to the slow one, which is at work
    item = slow.read(1)
    assert isinstance(item, Frame)
    assert item.sequence == 1
    assert slow.lost == {"superseded": 1}


def test_what_was_captured_for_a_reader_can_be_had_without_reading_further() -> None:
    source = Numbers(blocks(5), "audio", live=True)
    shared = SharedSource(source)
    quick, slow = shared.tap(), shared.tap()
    for _ in range(3):
        quick.read()
    waiting = [slow.read_waiting() for _ in range(4)]
    assert [isinstance(each, AudioBlock) for each in waiting] == [True, True, True, False]
    assert source.reads == 3
