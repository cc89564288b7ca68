"""Sound between PortAudio's callback and whoever writes it into the pipe."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slot:
    """One block as the callback got it."""

    position: int
    """Index of its first sample, those that the ring had no room for counted in."""
    frames: int
    """Samples per channel."""
    arrived_ns: int
    """CLOCK_MONOTONIC when the callback was called."""
    delay_ns: int
    """Age of the first sample at that moment, as PortAudio tells it."""
    overflowed: bool
    """PortAudio has said, at this block or at one that was dropped before it, that sound was lost."""
    raw: bytes


class BlockRing:
    """A ring for one thread that puts and one that takes: neither waits for the other.

    All memory is there from the start; `put` takes no lock. When the ring is full the new block is dropped,
    so that what waits stays in one piece: the hole is in `position`.
    """

    def __init__(self, slots: int, frames: int, frame_bytes: int) -> None:
        self._frame_bytes = frame_bytes
        self._slot_bytes = frames * frame_bytes
        self._sound = memoryview(bytearray(slots * self._slot_bytes))
        self._notes: list[tuple[int, int, int, int, bool]] = [(0, 0, 0, 0, False)] * slots
        self._slots = slots
        self._put = 0
        self._taken = 0
        self._position = 0
        self._overflowed = False

    def put(self, data: memoryview, frames: int, arrived_ns: int, delay_ns: int, overflowed: bool) -> bool:
        """Stores a block; False when there is no room, and it is dropped.

        Raises:
            ValueError: the block is longer than a slot.
        """
        position, self._position = self._position, self._position + frames
        self._overflowed |= overflowed
        if self._put - self._taken == self._slots:
            return False
        size = frames * self._frame_bytes
        if size > self._slot_bytes:
            raise ValueError(f"expected blocks of up to {self._slot_bytes} bytes, found {size}")
        slot = self._put % self._slots
        at = slot * self._slot_bytes
        self._sound[at : at + size] = data
        self._notes[slot] = (position, frames, arrived_ns, delay_ns, self._overflowed)
        self._overflowed = False
        self._put += 1
        return True

    def take(self) -> Slot | None:
        """The oldest block; None when the ring is empty."""
        if self._put == self._taken:
            return None
        slot = self._taken % self._slots
        note = self._notes[slot]
        at = slot * self._slot_bytes
        raw = bytes(self._sound[at : at + note[1] * self._frame_bytes])
        self._taken += 1
        return Slot(*note, raw)
