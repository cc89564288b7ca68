"""A hundred thousand items under random faults: the account is complete at every moment, and true at the end."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
import pytest

from edgemm.capture.files.file_source import FileSource
from edgemm.capture.share.shared import SharedSource
from edgemm.errors import EdgemmError, SourceTimeout
from edgemm.media import AudioBlock, Captured, Frame
from edgemm.stream.budget import Budget
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

Make = Callable[..., Any]
ITEMS = 100_000
REASONS = ("corrupt", "superseded", "overflow", "stalled")
PIXELS = np.zeros((1, 1), np.uint8)


class Device(FileSource):
    """A device that captures so many frames or blocks, loses some, says nothing at times, and knows the truth."""

    uri = "device"
    live = True

    def __init__(
        self, modality: Literal["image", "audio", "text"], seed: int, time: Any, items: int = ITEMS
    ) -> None:
        self.modality = modality
        self.items = items
        self.now_ns = time.now_ns
        self.draw = random.Random(seed)
        self.lost: Mapping[str, int] = {}
        self.captured = 0
        self.position = 0

    def read(self, timeout_s: float | None = None) -> Captured | None:
        chance = self.draw.random()
        if chance < 0.01:
            raise SourceTimeout("nothing came")
        if self.captured >= self.items:
            return None
        if self.modality == "audio":
            return self._block(gap=self.draw.randrange(500) if chance < 0.05 else 0)
        if chance < 0.05:
            self._lose(self.draw.choice(REASONS), self.draw.randrange(1, 20))
        self.captured += 1
        return Frame(PIXELS, self.now_ns(), self.captured - 1, "gray")

    def close(self) -> None:
        pass

    def _lose(self, reason: str, count: int) -> None:
        self.captured += count
        self.lost = {**self.lost, reason: self.lost.get(reason, 0) + count}

    def _block(self, gap: int) -> AudioBlock:
        samples = np.zeros(self.draw.randrange(1, 12), np.float32)
        self.position += gap
        block = AudioBlock(samples, 8000, self.now_ns(), self.position, gap, "", self.draw.choice(REASONS))
        self.position += len(samples)
        self.captured += 1
        return block


def fails(seed: int, failure: type[EdgemmError]) -> Callable[[Captured], None]:
    draw = random.Random(seed)

    def before(item: Captured) -> None:
        if draw.random() < 0.02:
            raise failure("on purpose")

    return before


def drained(stream: Stream, failure: type[EdgemmError]) -> None:
    """To the end, whatever fails in between."""
    while True:
        try:
            for _ in stream:
                pass
            return
        except failure:
            continue


@pytest.fixture
def watched(balanced: Make) -> Iterator[Callable[..., None]]:
    """Streams whose accounts another thread checks without pause until the test ends."""
    done, wrong, rounds = threading.Event(), [], [0]

    def watch(streams: list[Stream]) -> None:
        try:
            while not done.wait(0.0002):
                rounds[0] += 1
                for stream in streams:
                    balanced(stream.ledger.summary())
        except AssertionError as error:
            wrong.append(error)

    threads = []

    def start(*streams: Stream) -> None:
        threads.append(threading.Thread(target=watch, args=[list(streams)]))
        threads[-1].start()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield start
    sys.setswitchinterval(before)
    done.set()
    for thread in threads:
        thread.join(10)
    assert wrong == []
    assert rounds[0] > 10


@pytest.mark.parametrize("policy", ["all", "newest"])
def test_frames(
    sums: Make, time: Any, balanced: Make, failure: type[EdgemmError], watched: Make, policy: Any
) -> None:
    device = Device("image", 1, time)
    stream = Stream(sums(before=fails(2, failure)), device, Budget(20, policy, "drop"), now_ns=time.now_ns)
    watched(stream)
    drained(stream, failure)
    summary = stream.ledger.summary()
    balanced(summary)
    assert summary["captured"] == device.captured >= ITEMS
    assert summary["in_flight"] == 0
    assert {*REASONS, "failed"} <= summary["dropped"].keys()


def test_samples(sums: Make, time: Any, balanced: Make, failure: type[EdgemmError], watched: Make) -> None:
    device = Device("audio", 3, time)
    stream = Stream(sums(before=fails(4, failure), window=400), device, now_ns=time.now_ns)
    watched(stream)
    drained(stream, failure)
    summary = stream.ledger.summary()
    balanced(summary)
    assert summary["captured"] == ITEMS
    assert summary["samples"]["captured"] == device.position
    assert summary["samples"]["in_flight"] == 0
    assert {*REASONS, "failed"} == summary["samples"]["dropped"].keys()


@pytest.mark.parametrize("modality", ["image", "audio"])
def test_two_streams_on_one_device_each_keep_a_whole_account(
    sums: Make, time: Any, balanced: Make, failure: type[EdgemmError], watched: Make, modality: Any
) -> None:
    device = Device(modality, 5, time, ITEMS // 2)  # for each of two streams
    shared = SharedSource(device)
    streams = [
        Stream(
            sums(before=fails(seed, failure), window=400),
            shared.tap(),
            Budget(policy="all"),
            now_ns=time.now_ns,
        )
        for seed in (6, 7)
    ]
    watched(*streams)
    threads = [threading.Thread(target=drained, args=[stream, failure]) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for stream in streams:
        summary = stream.ledger.summary()
        balanced(summary)
        assert summary["in_flight"] == 0
        if modality == "image":
            assert summary["captured"] == device.captured
        else:
            assert summary["samples"]["captured"] == device.position
