"""Sounds that wait, are with the player, and were played: every sample is in one account.

    accepted = played + dropped + queued          at every moment, in samples of the sounds themselves

A sample was played when it has come to the converter, by what PortAudio says; what a device held when it went away,
or when it was stopped, was not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgemm.player.options import AHEAD_S
from edgemm.player.spoken import SpokenTimes
from edgemm.player.wire import Cancelled, Turn

Samples = npt.NDArray[np.float32]
Convert = Callable[[Samples, int, int], Samples]
CANCELLED, LOST = "cancelled", "lost"
"""Why sound was not played: `cancel()` was called; the device held it when it went away."""
_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Sounded:
    """What became of one sound."""

    stream: str
    sequence: int
    """Of the result in its stream."""
    first_ns: int | None
    """CLOCK_MONOTONIC: when its first sample was at the converter; None: it never was."""
    age_ms: float | None
    """Of the first sample, from the capture of what it answers."""
    samples: int
    """Of the sound, at its own rate."""
    played: int
    """Of these."""
    dropped: dict[str, int]
    """Reason -> the others."""


@dataclass(slots=True, eq=False)
class Sound:
    """One sound on its way."""

    samples: Samples
    """float32[n] in -1..1."""
    sample_rate: int
    """Hertz."""
    stream: str = ""
    sequence: int = 0
    captured_ns: int = 0
    final: bool = True
    """False: another one follows that belongs to it."""
    first_ns: int | None = None
    cancelled: bool = False
    played: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    frames: Samples | None = None
    """What of it was not with a device yet, at the rate of the stream."""
    begin: int = 0
    """Sample at which `frames` begins."""
    origin: int = 0
    """Position of `frames` among all that the player was given."""
    sent: int = 0
    """Frames that the player was given."""

    @property
    def settled(self) -> int:
        """Samples that were played or dropped."""
        return self.played + sum(self.dropped.values())

    @property
    def queued(self) -> int:
        """The others."""
        return len(self.samples) - self.settled

    def settle(self, until: int, reason: str = "") -> int:
        """All samples up to `until` that were not settled were played, or dropped for a reason; how many."""
        count = max(0, until - self.settled)
        if reason and count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count
        elif count:
            self.played += count
        return count

    def sample_of(self, frame: int) -> int:
        """The sample that ends with a frame; the last one with the last."""
        assert self.frames is not None
        return self.begin + frame * (len(self.samples) - self.begin) // len(self.frames)


class _Segment(NamedTuple):
    """Sound in one block of the stream."""

    position: int
    stream_position: int
    frames: int


class Playlist:
    """Sounds in order. One thread at a time; it keeps no time but what turns tell."""

    def __init__(self, convert: Convert, on_sounded: Callable[[Sounded], object] = lambda _: None) -> None:
        """Args:
        convert: float32[n] from one rate to another.
        on_sounded: called when all of a sound was played or dropped.
        """
        self.accepted = self.played = 0
        """Samples."""
        self.dropped: dict[str, int] = {}
        """Reason -> samples."""
        self.underruns = 0
        """How often the device had nothing to play in the middle of a sound."""
        self.pauses = 0
        """How often the next of sounds that belong together was not there in time."""
        self.cancelling = False
        """True until the player has stopped what it was told to stop."""
        self.spoken = SpokenTimes()
        self.taken = self.finished = 0
        """Sounds."""
        self._convert, self._on_sounded = convert, on_sounded
        self._sounds: deque[Sound] = deque()
        self._segments: deque[_Segment] = deque()
        self._rate = 0
        self._sent = self._in_device = 0
        self._last: Turn | None = None
        self._hungry = self._more_follows = False

    def __len__(self) -> int:
        return len(self._sounds)

    @property
    def queued(self) -> int:
        """Samples that wait or are with the player."""
        return sum(sound.queued for sound in self._sounds)

    @property
    def queued_s(self) -> float:
        """The same in seconds."""
        return sum(sound.queued / sound.sample_rate for sound in self._sounds)

    @property
    def first_rate(self) -> int | None:
        """Hertz of the sound that is next; None where there is none."""
        return self._sounds[0].sample_rate if self._sounds else None

    def add(self, sound: Sound) -> None:
        """One more, behind the others."""
        self.taken += 1
        self.accepted += len(sound.samples)
        self._sounds.append(sound)
        self._tidy()

    def started(self, sample_rate: int) -> None:
        """A stream of this rate runs, which was given nothing yet."""
        self._rate = sample_rate
        self._reset()

    def next_chunk(self) -> Samples | None:
        """float32[n] at the stream's rate that the player shall be given now; None: it has enough, or there is none."""
        if not self._rate or self.cancelling:
            return None
        room = round(AHEAD_S * self._rate) - (self._sent - self._in_device)
        for sound in self._sounds:
            if sound.cancelled:
                continue
            frames = self._frames_of(sound)
            if sound.sent == len(frames):
                continue
            chunk = frames[sound.sent : sound.sent + room]
            if room < self._rate // 50 and len(chunk) < len(frames) - sound.sent:
                return None  # not for a few samples
            if not sound.sent:
                sound.origin = self._sent
            sound.sent += len(chunk)
            self._sent += len(chunk)
            return chunk if len(chunk) else None
        return None

    def turn(self, turn: Turn) -> None:
        """A block was handed to the device."""
        self._look_for_underruns(turn)
        self._last = turn
        if turn.count:
            self._segments.append(_Segment(turn.position, turn.stream_position, turn.count))
            self._in_device = turn.position + turn.count
            until_ns = turn.called_ns + turn.delay_ns + turn.count * _S // self._rate
            self.spoken.add(turn.called_ns, until_ns)
        self._play_until(turn.stream_position - turn.delay_ns * self._rate // _S, turn.called_ns)

    def cancel(self) -> bool:
        """Nothing that was accepted is played any more; True where the player has to be told."""
        for sound in self._sounds:
            if sound.sent:
                sound.cancelled = self.cancelling = True
            else:
                self._settle(sound, len(sound.samples), CANCELLED)
        self._tidy()
        return self.cancelling

    def cancelled(self, message: Cancelled) -> None:
        """The player has stopped."""
        if self._last is not None:
            since_ns = message.stopped_ns - self._last.called_ns - self._last.delay_ns
            self._play_until(self._last.stream_position + since_ns * self._rate // _S, message.stopped_ns)
        for sound in self._sounds:
            if sound.cancelled:
                self._settle(sound, len(sound.samples), CANCELLED)
        self.spoken.end(message.stopped_ns)
        self._again()

    def lost(self, reason: str = LOST) -> None:
        """The device has gone with what it held; the rest waits for the next one."""
        for sound in self._sounds:
            if sound.sent:
                assert sound.frames is not None
                held = min(max(self._in_device - sound.origin, 0), len(sound.frames))
                self._settle(sound, sound.sample_of(held), CANCELLED if sound.cancelled else reason)
            if sound.cancelled:
                self._settle(sound, len(sound.samples), CANCELLED)
        self._again()

    def drop(self, reason: str) -> None:
        """No player has any of it, and none shall: all that waits is dropped."""
        for sound in self._sounds:
            self._settle(sound, len(sound.samples), reason)
        self._tidy()

    def _again(self) -> None:
        for sound in self._sounds:
            sound.frames, sound.begin, sound.sent = None, sound.settled, 0
        self.cancelling = False
        self._tidy()
        self._reset()

    def _reset(self) -> None:
        self._segments.clear()
        self._sent = self._in_device = 0
        self._last = None
        self._hungry = self._more_follows = False

    def _frames_of(self, sound: Sound) -> Samples:
        if sound.frames is None:
            rest = sound.samples[sound.begin :]
            frames = self._convert(rest, sound.sample_rate, self._rate)
            sound.frames = frames if len(frames) else rest[:1]
        return sound.frames

    def _play_until(self, stream_position: int, now_ns: int) -> None:
        """What stands before this place of the stream has come to the converter; the place itself does now."""
        while self._segments and self._segments[0].stream_position < stream_position:
            segment = self._segments[0]
            count = min(segment.frames, stream_position - segment.stream_position)
            first_ns = now_ns - (stream_position - segment.stream_position) * _S // self._rate
            self._played(segment.position, count, first_ns)
            if count < segment.frames:
                return  # it is looked at again, whole
            self._segments.popleft()

    def _played(self, position: int, count: int, first_ns: int) -> None:
        """Frames from `position` on, the first of them at `first_ns`."""
        until = position + count
        for sound in self._sounds:
            if not sound.sent or sound.origin >= until:
                break
            assert sound.frames is not None
            if sound.first_ns is None:
                sound.first_ns = first_ns + max(0, sound.origin - position) * _S // self._rate
            self._settle(sound, sound.sample_of(min(until - sound.origin, len(sound.frames))))
        self._tidy()

    def _settle(self, sound: Sound, until: int, reason: str = "") -> None:
        count = sound.settle(until, reason)
        if reason and count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count
        elif count:
            self.played += count

    def _tidy(self) -> None:
        """Sounds of which nothing is left are told of, and go."""
        while self._sounds and not self._sounds[0].queued:
            sound = self._sounds.popleft()
            self.finished += sound.played == len(sound.samples)
            age_ms = None if sound.first_ns is None else (sound.first_ns - sound.captured_ns) / 1e6
            self._on_sounded(
                Sounded(
                    sound.stream, sound.sequence, sound.first_ns, age_ms, len(sound.samples), sound.played,
                    sound.dropped,
                )
            )  # fmt: skip

    def _look_for_underruns(self, turn: Turn) -> None:
        """A block with less sound than it has room for, in the middle of one."""
        if turn.underflow and self._segments:
            self.underruns += 1
        if turn.count and self._more_follows:
            self.pauses += self._hungry
            self._more_follows = False
        if turn.count == turn.frames:
            self._hungry = False
        if turn.count < turn.frames and not self._hungry:
            inside, self._more_follows = self._place(turn.position + turn.count)
            self.underruns += inside and not turn.underflow
            self._hungry = inside or self._more_follows

    def _place(self, position: int) -> tuple[bool, bool]:
        """Whether a frame is in the middle of a sound, and whether one that ends there is followed by others."""
        for sound in self._sounds:
            if sound.sent and sound.frames is not None:
                end = sound.origin + len(sound.frames)
                if sound.origin < position < end:
                    return True, False
                if position == end:
                    return False, not sound.final
        return False, False
