"""Between the pipe and the callback."""

from __future__ import annotations

import pytest

from edgemm.player.ring import SoundRing

pytestmark = pytest.mark.device


def taken(ring: SoundRing, frames: int, frame_bytes: int) -> tuple[int, bytes]:
    out = bytearray(b"x" * frames * frame_bytes)
    return ring.take_into(memoryview(out), frames), bytes(out)


@pytest.mark.parametrize("frame_bytes", [2, 4])
def test_what_was_put_comes_out_in_order_around_the_end(frame_bytes: int) -> None:
    ring = SoundRing(7, frame_bytes)
    given, got = bytes(range(20 * frame_bytes)), b""
    for at in range(0, 20, 5):
        ring.put(given[at * frame_bytes : (at + 5) * frame_bytes])
        for _ in range(2):
            count, block = taken(ring, 3, frame_bytes)
            got += block[: count * frame_bytes]
    assert got == given
    assert ring.taken == 20


def test_what_is_missing_is_silence() -> None:
    ring = SoundRing(8, 2)
    ring.put(b"abcd")
    assert taken(ring, 4, 2) == (2, b"abcd" + bytes(4))
    assert taken(ring, 4, 2) == (0, bytes(8))


@pytest.mark.parametrize("raw", [bytes(18), bytes(3)])
def test_more_than_there_is_room_for_is_an_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match="expected up to 8 frames of 2 bytes"):
        SoundRing(8, 2).put(raw)


def test_cleared_it_counts_from_nothing() -> None:
    ring = SoundRing(8, 2)
    ring.put(bytes(12))
    taken(ring, 3, 2)
    ring.clear()
    assert ring.taken == 0
    assert taken(ring, 1, 2) == (0, bytes(2))
    ring.put(bytes(16))
