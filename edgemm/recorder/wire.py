"""Messages from the child: a head of kind and length, then JSON, or the notes of a block and its bytes."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

_HEAD = struct.Struct("<cI")
_NOTES = struct.Struct("<qqqB")
_REASONS = ("gap", "overflow", "missing")
MAX_BODY = 64 << 20
"""Bytes. More than that is no message of ours."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The stream runs."""

    name: str
    """The microphone's, as the sound system has it."""
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
    """The recording is over, or never began."""

    kind: str
    """Name of the error to raise."""
    message: str
    fatal: bool = False
    """True when a further attempt would fail in the same way."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The microphones of the machine."""

    microphones: list[dict[str, Any]]
    """Fields of `Microphone`."""


Message = Opened | Sound | Failed | Listed
_KINDS: dict[bytes, type[Opened] | type[Failed] | type[Listed]] = {b"O": Opened, b"F": Failed, b"L": Listed}
_LETTERS = {kind: letter for letter, kind in _KINDS.items()}


def encode(message: Message) -> bytes:
    """The bytes of one message."""
    if isinstance(message, Sound):
        reason = _REASONS.index(message.gap_reason)
        notes = _NOTES.pack(message.position, message.captured_ns, message.gap_samples, reason)
        return _HEAD.pack(b"S", len(notes) + len(message.raw)) + notes + message.raw
    body = json.dumps(asdict(message)).encode()
    return _HEAD.pack(_LETTERS[type(message)], len(body)) + body


def send(fd: int, message: Message) -> None:
    """Writes one message whole; waits while the pipe is full."""
    left = memoryview(encode(message))
    while left:
        left = left[os.write(fd, left) :]


class Decoder:
    """Puts messages together from the pieces that a pipe gives."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are complete with `data`.

        Raises:
            ValueError: this is no message.
        """
        self._pending += data
        while len(self._pending) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._pending)
            if length > MAX_BODY or kind not in (b"S", *_KINDS):
                raise ValueError(f"expected a message of the recorder, found {bytes(self._pending[:16])!r}")
            end = _HEAD.size + length
            if len(self._pending) < end:
                return
            body = bytes(self._pending[_HEAD.size : end])
            del self._pending[:end]
            yield _decode(kind, body)


def _decode(kind: bytes, body: bytes) -> Message:
    if kind != b"S":
        return _KINDS[kind](**json.loads(body))
    position, captured_ns, gap_samples, reason = _NOTES.unpack_from(body)
    return Sound(position, captured_ns, gap_samples, _REASONS[reason], body[_NOTES.size :])
