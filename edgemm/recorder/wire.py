"""Messages from the child: a head of kind and length, then JSON, or the notes of a block and its bytes."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

_HEAD = struct.Struct("<cI")
_NOTES = struct.Struct("<qqqB")
_REASONS = ("gap", "overflow", "missing")
MAX_BODY = 64 << 20
"""Bytes. More than that is no message of ours."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The stream runs."""

    name: str
    """The device's, as the sound system has it."""
    sample_rate: int
    """Hertz."""
    note: str = ""
    """What is not as it was asked for; "" when all is."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One block."""

    position: int
    """Index of the first sample, gaps counted in."""
    captured_ns: int
    """CLOCK_MONOTONIC of the first sample."""
    gap_samples: int
    """Samples lost just before this block."""
    gap_reason: str
    """"gap", "overflow" or "missing"."""
    raw: bytes
    """Interleaved, as PortAudio gave them."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The stream is over, or never began."""

    kind: str
    """Name of the error to raise."""
    message: str
    fatal: bool = False
    """True when a further attempt would fail in the same way."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The devices of the machine."""

    devices: list[dict[str, Any]]
    """Fields of `SoundDevice`."""


Message = Opened | Sound | Failed | Listed
_WORDS: dict[bytes, type[Opened] | type[Failed] | type[Listed]] = {b"O": Opened, b"F": Failed, b"L": Listed}
"""Letter -> message whose body is JSON."""
_LETTERS = {kind: letter for letter, kind in _WORDS.items()}


def encode(message: Message) -> bytes:
    """The bytes of one message."""
    if isinstance(message, Sound):
        reason = _REASONS.index(message.gap_reason)
        notes = _NOTES.pack(message.position, message.captured_ns, message.gap_samples, reason)
        return framed(b"S", notes, message.raw)
    return framed(_LETTERS[type(message)], json.dumps(asdict(message)).encode())


def framed(kind: bytes, *body: bytes) -> bytes:
    """A message of a kind, one letter, with its head."""
    return b"".join((_HEAD.pack(kind, sum(map(len, body))), *body))


def send(fd: int, message: Message) -> None:
    """Writes one message whole; waits while the pipe is full."""
    send_bytes(fd, encode(message))


def send_bytes(fd: int, data: bytes) -> None:
    """Writes all of it; waits while the pipe is full."""
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


M = TypeVar("M")


class Unpacker(Generic[M]):
    """Puts messages together from the pieces that a pipe gives."""

    def __init__(self, kinds: Mapping[bytes, Callable[[bytes], M]], whose: str) -> None:
        """Args:
        kinds: letter -> what makes a message of its body.
        whose: who sends them, in the error.
        """
        self._kinds, self._whose = kinds, whose
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[M]:
        """The messages that are complete with `data`.

        Raises:
            ValueError: this is no message.
        """
        self._pending += data
        while len(self._pending) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._pending)
            if length > MAX_BODY or kind not in self._kinds:
                raise ValueError(f"expected a message of {self._whose}, found {bytes(self._pending[:16])!r}")
            end = _HEAD.size + length
            if len(self._pending) < end:
                return
            body = bytes(self._pending[_HEAD.size : end])
            del self._pending[:end]
            yield self._kinds[kind](body)


class Decoder(Unpacker[Message]):
    """The recorder's."""

    def __init__(self) -> None:
        super().__init__({b"S": _sound, **FROM_WORDS}, "the recorder")


def _in_words(
    kind: type[Opened] | type[Failed] | type[Listed],
) -> Callable[[bytes], Opened | Failed | Listed]:
    return lambda body: kind(**json.loads(body))


FROM_WORDS = {letter: _in_words(kind) for letter, kind in _WORDS.items()}
"""Letter -> what makes a message of its JSON."""


def _sound(body: bytes) -> Sound:
    position, captured_ns, gap_samples, reason = _NOTES.unpack_from(body)
    return Sound(position, captured_ns, gap_samples, _REASONS[reason], body[_NOTES.size :])
