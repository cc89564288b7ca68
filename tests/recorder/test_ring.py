"""The ring between two threads."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from edgemm.recorder.ring import BlockRing

pytestmark = pytest.mark.device


def put(ring: BlockRing, value: int, frames: int = 2, *, overflowed: bool = False) -> bool:
    return ring.put(memoryview(bytes([value] * frames)), frames, value, 0, overflowed)


def test_blocks_come_out_as_they_went_in() -> None:
    ring = BlockRing(slots=3, frames=2, frame_bytes=1)
    for value in range(10):
        assert put(ring, value)
        slot = ring.take()
        assert slot is not None
        assert (slot.position, slot.raw, slot.arrived_ns) == (2 * value, bytes([value] * 2), value)
    assert ring.take() is None


def test_a_full_ring_keeps_what_it_has_and_counts_what_it_drops() -> None:
    ring = BlockRing(slots=2, frames=2, frame_bytes=1)
    assert [put(ring, value) for value in range(4)] == [True, True, False, False]
    slots = [ring.take(), ring.take()]
    assert [slot.position for slot in slots if slot] == [0, 2]
    put(ring, 4)
    after = ring.take()
    assert after is not None
    assert after.position == 8


def test_an_overflow_told_with_a_dropped_block_is_told_with_the_next() -> None:
    ring = BlockRing(slots=1, frames=2, frame_bytes=1)
    put(ring, 0)
    put(ring, 1, overflowed=True)
    first = ring.take()
    put(ring, 2)
    second = ring.take()
    assert first is not None
    assert second is not None
    assert (first.overflowed, second.overflowed) == (False, True)


def test_a_short_block_is_as_short_when_it_is_taken() -> None:
    ring = BlockRing(slots=1, frames=4, frame_bytes=1)
    put(ring, 7, frames=1)
    slot = ring.take()
    assert slot is not None
    assert (slot.frames, slot.raw) == (1, b"\7")


def test_a_block_longer_than_a_slot_is_refused() -> None:
    with pytest.raises(ValueError, match="blocks of up to 2 bytes, found 3"):
        put(BlockRing(slots=1, frames=2, frame_bytes=1), 0, frames=3)


def test_two_threads_lose_nothing_and_mix_nothing_up() -> None:
    ring, last = BlockRing(slots=4, frames=2, frame_bytes=1), 2_000
    taken: list[bytes] = []
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def produce() -> None:
        for value in range(last):
            while not put(ring, value % 251):
                time.sleep(0)

    producer = threading.Thread(target=produce)
    producer.start()
    try:
        while len(taken) < last:
            slot = ring.take()
            if slot is None:
                time.sleep(0)
            else:
                taken.append(slot.raw)
    finally:
        sys.setswitchinterval(before)
    producer.join()
    assert taken == [bytes([value % 251] * 2) for value in range(last)]
