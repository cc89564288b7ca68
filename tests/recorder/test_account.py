"""Positions with every gap counted in, and PortAudio's callback."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from needs import needs

from edgemm.recorder.child import Account
from edgemm.recorder.portaudio import Callback, sounddevice
from edgemm.recorder.ring import BlockRing, Slot

pytestmark = pytest.mark.device

RATE, FRAMES, BLOCK_NS = 16000, 320, 20_000_000


def slot(number: int, *, late_ns: int = 0, overflowed: bool = False) -> Slot:
    arrived_ns = 10**12 + (number + 1) * BLOCK_NS + late_ns
    return Slot(number * FRAMES, FRAMES, arrived_ns, BLOCK_NS, overflowed, b"")


def test_healthy_blocks_follow_each_other() -> None:
    account = Account(RATE)
    blocks = [account.block(slot(number)) for number in range(10)]
    assert [(block.position, block.gap_samples) for block in blocks] == [(n * FRAMES, 0) for n in range(10)]


def test_what_the_ring_dropped_is_an_overflow() -> None:
    account = Account(RATE)
    account.block(slot(0))
    block = account.block(slot(4))
    assert (block.position, block.gap_samples, block.gap_reason) == (4 * FRAMES, 3 * FRAMES, "overflow")


def test_an_overflow_of_unknown_size_marks_the_block_at_once_and_is_measured_later() -> None:
    account, gaps = Account(RATE), []
    for number in range(400):
        lost = number >= 200
        block = account.block(slot(number, late_ns=10**9 * lost, overflowed=number == 200))
        if block.gap_samples:
            gaps.append((number, block.gap_samples, block.gap_reason))
    assert gaps[0] == (200, 1, "overflow")
    assert gaps[1][2] == "overflow"
    assert sum(gap[1] for gap in gaps) == pytest.approx(RATE, abs=2)


def call(callback: Callback, data: bytes, frames: int) -> Any:
    when = SimpleNamespace(currentTime=2.0, inputBufferAdcTime=1.98)
    callback(memoryview(data), frames, when, SimpleNamespace(input_overflow=False))


def test_the_callback_stores_and_wakes() -> None:
    ring = BlockRing(2, 4, 2)
    woken: list[None] = []
    call(Callback(ring, woken.append), bytes(8), 4)
    kept = ring.take()
    assert kept is not None
    assert kept.delay_ns == pytest.approx(20_000_000, abs=2)
    assert woken == [None]


def test_an_exception_in_the_callback_is_kept_and_ends_the_stream() -> None:
    abort = needs(sounddevice).CallbackAbort
    callback = Callback(BlockRing(2, 4, 2), lambda _: None)
    with pytest.raises(abort):
        call(callback, bytes(80), 40)
    assert isinstance(callback.error, ValueError)
