"""When running sound has been silent for a while, which its level tells earlier than a network's answers do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

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


class Silence:
    """The state of one stream of sound at its own rate: told once for each silence that follows voice."""

    def __init__(self, seconds: float) -> None:
        """Args:
        seconds: of silence after which it is told; 0: never.
        """
        self._seconds = seconds
        self.reset()

    def reset(self) -> None:
        """Nothing was heard."""
        self._voice: VoiceLevel | None = None
        self._rest: npt.NDArray[np.float32] = np.zeros(0, np.float32)
        self._row = 0
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
        if self._voice is None:
            self._voice = VoiceLevel(NOISE_DB, _hop(block))
        hop, before = _hop(block), len(self._rest)
        samples = np.concatenate([self._rest, block.samples])
        for begin in range(0, len(samples) - hop + 1, hop):
            voice = self._voice(samples[begin : begin + hop])
            end = begin + hop - before
            quiet = self._take(voice, hop, block.position + end, block.sample_rate)
            if quiet is not None:
                yield end, quiet._replace(now_ns=block.captured_ns + round(end * 1e9 / block.sample_rate))
        self._rest = samples[len(samples) // hop * hop :]

    def _take(self, voice: bool, hop: int, place: int, rate: int) -> Quiet | None:
        """The next piece, which ends at a place of the stream."""
        now_s = place / rate
        self._row = self._row + hop if voice else 0
        self._again = voice and (self._again or self._row >= AGAIN_S * rate)
        if self._again:
            self._speaks, self._end_s = True, now_s
        if not self._speaks or now_s - self._end_s < self._seconds - hop / rate / 2:
            return None
        self._speaks = False
        return Quiet(self._end_s, now_s, 0)


def _hop(block: AudioBlock) -> int:
    return max(1, round(PIECE_S * block.sample_rate))


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
