"""Sound between the pipe and PortAudio's callback."""

from __future__ import annotations


class SoundRing:
    """A ring for one thread that puts and one that takes: neither waits for the other.

    All memory is there from the start. Whoever puts was told how much has been taken, and puts no more than there is
    room for.
    """

    def __init__(self, frames: int, frame_bytes: int) -> None:
        """Args:
        frames: samples per channel that it holds.
        frame_bytes: of one sample in all channels.
        """
        self._frames, self._frame_bytes = frames, frame_bytes
        self._sound = memoryview(bytearray(frames * frame_bytes))
        self._put = 0
        self._taken = 0

    @property
    def taken(self) -> int:
        """Frames that were taken so far."""
        return self._taken

    def put(self, raw: bytes | memoryview) -> None:
        """Adds whole frames.

        Raises:
            ValueError: there is no room for them.
        """
        count = len(raw) // self._frame_bytes
        room = self._frames - (self._put - self._taken)
        if count > room or count * self._frame_bytes != len(raw):
            raise ValueError(
                f"expected up to {room} frames of {self._frame_bytes} bytes, found {len(raw)} bytes"
            )
        at = self._put % self._frames
        first = min(count, self._frames - at)
        self._copy(self._sound, at, memoryview(raw), 0, first)
        self._copy(self._sound, 0, memoryview(raw), first, count - first)
        self._put += count

    def take_into(self, out: memoryview, frames: int) -> int:
        """Fills a block of `frames`, with silence behind what there is; how many frames there were."""
        count = min(frames, self._put - self._taken)
        at = self._taken % self._frames
        first = min(count, self._frames - at)
        self._copy(out, 0, self._sound, at, first)
        self._copy(out, first, self._sound, 0, count - first)
        size = self._frame_bytes
        out[count * size : frames * size] = bytes((frames - count) * size)
        self._taken += count
        return count

    def clear(self) -> None:
        """Empty, and counting from nothing; nobody takes meanwhile."""
        self._put = self._taken = 0

    def _copy(self, to: memoryview, to_frame: int, source: memoryview, from_frame: int, count: int) -> None:
        size = self._frame_bytes
        to[to_frame * size : (to_frame + count) * size] = source[
            from_frame * size : (from_frame + count) * size
        ]
