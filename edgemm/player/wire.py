"""Messages to and from the child, framed as the recorder's are."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from edgemm.recorder.wire import FROM_WORDS, Failed, Listed, Opened, Unpacker, encode, framed

_TURN = struct.Struct("<qIqIqqB")
_STARTED = struct.Struct("<IB")
_CANCELLED = struct.Struct("<q")
_RATE = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Play:
    """To the child: frames, in order."""

    raw: bytes
    """int16, channels interleaved."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """To the child: nothing of what it was given is played any more. It answers `Cancelled`."""


@dataclass(frozen=True, slots=True)
class Reopen:
    """To the child, while it plays nothing: a stream of another rate. It answers `Started`."""

    sample_rate: int
    """Hertz; where the device refuses it, its own."""


@dataclass(frozen=True, slots=True)
class Started:
    """From the child, behind `Opened` and `Cancelled`: a stream runs, and all positions count from 0."""

    sample_rate: int
    """Hertz."""
    channels: int


@dataclass(frozen=True, slots=True)
class Turn:
    """From the child: a block was handed to PortAudio."""

    position: int
    """Of its first frame among all that were given to the child."""
    count: int
    """Frames of sound in it; silence follows."""
    stream_position: int
    """Of its first frame among all of the stream, silence counted in."""
    frames: int
    """In the block."""
    called_ns: int
    """CLOCK_MONOTONIC: when PortAudio asked for it."""
    delay_ns: int
    """After that its first frame is at the converter."""
    underflow: bool
    """PortAudio says that the device had nothing to play before this block."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """From the child: the stream was stopped, with all that was in the device."""

    stopped_ns: int
    """CLOCK_MONOTONIC: what would have come to the converter from then on was not played."""


ToChild = Play | Cancel | Reopen
FromChild = Opened | Started | Turn | Cancelled | Failed | Listed


def encode_to_child(message: ToChild) -> bytes:
    """The bytes of one message."""
    if isinstance(message, Play):
        return framed(b"P", message.raw)
    return framed(b"R", _RATE.pack(message.sample_rate)) if isinstance(message, Reopen) else framed(b"C")


def encode_from_child(message: FromChild) -> bytes:
    """The bytes of one message."""
    if isinstance(message, Turn):
        notes = _TURN.pack(
            message.position, message.count, message.stream_position, message.frames, message.called_ns,
            message.delay_ns, message.underflow,
        )  # fmt: skip
        return framed(b"T", notes)
    if isinstance(message, Cancelled):
        return framed(b"X", _CANCELLED.pack(message.stopped_ns))
    if isinstance(message, Started):
        return framed(b"B", _STARTED.pack(message.sample_rate, message.channels))
    return encode(message)


class ToChildUnpacker(Unpacker[ToChild]):
    """What the child reads."""

    def __init__(self) -> None:
        super().__init__({b"P": Play, b"C": lambda _: Cancel(), b"R": _reopen}, "a player's owner")


class FromChildUnpacker(Unpacker[FromChild]):
    """What the parent reads."""

    def __init__(self) -> None:
        super().__init__({b"T": _turn, b"X": _cancelled, b"B": _started, **FROM_WORDS}, "the player")


def _reopen(body: bytes) -> Reopen:
    return Reopen(*_RATE.unpack(body))


def _turn(body: bytes) -> Turn:
    position, count, stream_position, frames, called_ns, delay_ns, underflow = _TURN.unpack(body)
    return Turn(position, count, stream_position, frames, called_ns, delay_ns, bool(underflow))


def _cancelled(body: bytes) -> Cancelled:
    return Cancelled(*_CANCELLED.unpack(body))


def _started(body: bytes) -> Started:
    return Started(*_STARTED.unpack(body))
