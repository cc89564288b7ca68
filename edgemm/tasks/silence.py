"""When running sound has been silent for a while, which its level tells earlier than a network's answers do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from edgemm.media import AudioBlock
from edgemm.voice_level import AGAIN_S, NOISE_DB, PIECE_S, VoiceLevel

LATE_S = 0.25
"""By which a label may seem to end later than the word that it stands for."""
ROUNDING_S = 1e-6


def ends_speech(voice_end_s: float, now_s: float, *, heard_s: float, said_s: float, silence_s: float) -> bool:
    """Whether what a network said so far is all that was said before a silence of the sound. Seconds of sound.

    Args:
        voice_end_s: where voice was last found.
        now_s: up to which it is silent.
        heard_s: up to which the network has answered.
        said_s: where its last label ends.
        silence_s: that is asked for. The labels need be silent for a little less, as they come late.
    """
    needed_s = max(silence_s / 2, silence_s - LATE_S)
    return heard_s + ROUNDING_S >= voice_end_s and now_s - said_s + ROUNDING_S >= needed_s


class Quiet(NamedTuple):
    """It has been silent for as long as was asked for. Seconds since the stream began, and CLOCK_MONOTONIC."""

    since_s: float
    """Where voice was last found."""
    now_s: float
    now_ns: int


class Piece(NamedTuple):
    """Of running sound. Samples since the block began that ends it."""

    begin: int
    """Below zero where it began in a block before."""
    end: int
    voice: bool


class FindsVoice(Protocol):
    """Exists so that a silence is found by the level and by a network."""

    def __call__(self, block: AudioBlock) -> Iterator[Piece]:
        """The pieces that end with the next block, one after the other."""

    def reset(self) -> None:
        """Nothing was heard."""


class Level:
    """Voice is what is clearly louder than the quietest moment lately. See `FindsVoice`."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """See `FindsVoice`."""
        self._voice: VoiceLevel | None = None
        self._rest: npt.NDArray[np.float32] = np.zeros(0, np.float32)

    def __call__(self, block: AudioBlock) -> Iterator[Piece]:
        """See `FindsVoice`."""
        hop, before = max(1, round(PIECE_S * block.sample_rate)), len(self._rest)
        if self._voice is None:
            self._voice = VoiceLevel(NOISE_DB, hop)
        samples = np.concatenate([self._rest, block.samples])
        self._rest = samples[len(samples) // hop * hop :]
        for begin in range(0, len(samples) - hop + 1, hop):
            yield Piece(begin - before, begin + hop - before, self._voice(samples[begin : begin + hop]))


class Silence:
    """The state of one stream of sound at its own rate: told once for each silence that follows voice."""

    def __init__(self, seconds: float, voice: FindsVoice | None = None) -> None:
        """Args:
        seconds: of silence after which it is told; 0: never.
        voice: tells voice from silence; None: the level does.
        """
        self._seconds, self._voice = seconds, voice or Level()
        self.reset()

    def reset(self) -> None:
        """Nothing was heard."""
        self._voice.reset()
        self._row_s = 0.0
        self._speaks = self._again = False
        self._end_s = 0.0

    def parts(self, block: AudioBlock) -> Iterator[tuple[AudioBlock, Quiet | None]]:
        """The block, divided where it is time to tell: each part, and what is told behind it."""
        if not self._seconds or not len(block.samples):
            yield block, None
            return
        begun = 0
        for end, quiet in self._found(block):
            yield _cut(block, begun, end), quiet
            begun = end
        if begun < len(block.samples) or not begun:
            yield _cut(block, begun, len(block.samples)), None

    def _found(self, block: AudioBlock) -> Iterator[tuple[int, Quiet]]:
        rate = block.sample_rate
        for piece in self._voice(block):
            begin_s, end_s = ((block.position + at) / rate for at in (piece.begin, piece.end))
            if self._take(piece.voice, end_s - begin_s, end_s):
                now_ns = block.captured_ns + round(piece.end * 1e9 / rate)
                yield max(0, piece.end), Quiet(self._end_s, end_s, now_ns)

    def _take(self, voice: bool, length_s: float, now_s: float) -> bool:
        """Takes the next piece, which ends now. True where it is time to tell."""
        self._row_s = self._row_s + length_s if voice else 0.0
        self._again = voice and (self._again or self._row_s >= AGAIN_S - ROUNDING_S)
        if self._again:
            self._speaks, self._end_s = True, now_s
        if not self._speaks or now_s - self._end_s < self._seconds - length_s / 2:
            return False
        self._speaks = False
        return True


def _cut(block: AudioBlock, begin: int, end: int) -> AudioBlock:
    if begin == 0 and end == len(block.samples):
        return block
    return replace(
        block,
        samples=block.samples[begin:end],
        captured_ns=block.captured_ns + round(begin * 1e9 / block.sample_rate),
        position=block.position + begin,
        gap_samples=block.gap_samples if begin == 0 else 0,
    )
