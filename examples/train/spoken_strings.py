"""Strings of spoken digits put together from recordings, with the times at which each word is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from speakers import RATE, Recording
from string_mixer import speech_span

from edgemm.data import WORDS

DIGITS = (3, 7)
"""In one string, at least and at most."""
PAUSE_S = (0.1, 0.6)
"""Of silence between two words."""
EDGE_S = (0.2, 0.5)
"""Before the first word, and after the last."""
NOISE_DB = (-40.0, -25.0)
"""Of steady noise, under the words' mean level."""


@dataclass(frozen=True, slots=True)
class Said:
    """A word and where it is."""

    text: str
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True, eq=False)
class SpokenString:
    """Several digits of one speaker."""

    samples: npt.NDArray[np.float32]
    """float32[n] in -1..1 at 8 kHz."""
    words: tuple[Said, ...]

    @property
    def text(self) -> str:
        """What is said."""
        return " ".join(each.text for each in self.words)


def spoken_strings(
    recordings: Sequence[Recording], count: int, seed: int, noise_db: tuple[float, float] = NOISE_DB
) -> list[SpokenString]:
    """Random strings of the recordings, which are of one speaker."""
    random = np.random.default_rng(seed)
    return [_string(recordings, random, noise_db) for _ in range(count)]


def _string(
    recordings: Sequence[Recording], random: np.random.Generator, noise_db: tuple[float, float]
) -> SpokenString:
    pieces: list[npt.NDArray[np.float32]] = []
    words: list[Said] = []
    at = 0
    for _ in range(random.integers(DIGITS[0], DIGITS[1] + 1)):
        recording = recordings[int(random.integers(len(recordings)))]
        samples = recording.samples()
        begin, end = speech_span(samples)
        pause = int(random.uniform(*(PAUSE_S if words else EDGE_S)) * RATE)
        pieces += [np.zeros(pause, np.float32), samples[begin:end]]
        at += pause
        words.append(Said(WORDS[recording.digit], at / RATE, (at + end - begin) / RATE))
        at += end - begin
    level = np.sqrt(np.mean(np.square(np.concatenate(pieces[1::2]))))
    sound = np.concatenate([*pieces, np.zeros(int(random.uniform(*EDGE_S) * RATE), np.float32)])
    hiss = level * 10 ** (random.uniform(*noise_db) / 20) * random.standard_normal(len(sound))
    return SpokenString((sound + hiss).astype(np.float32), tuple(words))
