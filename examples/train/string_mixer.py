"""Endless strings of spoken digits with known times: words stretched, warped, coloured, in noise, with pauses between.

All of it happens on log-mel power, as in `sound_mixer`: powers add where sounds overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from speakers import Recording
from string_network import BLANK, LAG, MARK, RECIPE

from edgemm.preprocess.logmel import logmel

Floats = npt.NDArray[np.float64]
FRAMES = 200
"""In one string: 4 s."""
PAUSE = (4.0, 35.0)
"""Frames between two words."""
FLOOR = float(np.log(1e-10))
STRETCH = (-0.3, 0.35)
"""Of the logarithm of a word's length, for a whole string; each word differs from it by up to a tenth."""
WARP, LIFT = (0.86, 1.16), (-1.0, 1.0)
"""Of the mel axis: slope, and shift in bands (VTLP; Jaitly and Hinton 2013)."""
NOISE = (-20.0, -7.0)
"""Natural logarithm of the power of steady noise against full scale."""
GAIN = (-6.0, 2.0)
"""Natural logarithm of power."""
SAME_SPEAKER = 0.7
"""Share of strings that one person speaks."""
ENDS = 0.3
"""Share of strings that end in digital silence, as files do."""
RUN = (-1, 2)
"""A label is due in these frames around its place."""
QUIET_DB = 30.0
"""A word begins and ends where it is so many decibels below its loudest part."""


class Word(NamedTuple):
    """A recording as the mixer keeps it."""

    digit: int
    speaker: str
    power: Floats
    """Log-mel power over `FLOOR`, float64[frames, bands]."""
    begin: float
    """Frame in which the word begins."""
    end: float


class Strings(NamedTuple):
    """A batch."""

    frames: torch.Tensor
    """float32[n, FRAMES, bands], as by the card's recipe."""
    labels: torch.Tensor
    """int64, the labels of all strings one after the other."""
    counts: torch.Tensor
    """int64[n], labels of each."""
    due: torch.Tensor
    """int64[n, FRAMES]: the label that is due in each frame."""


def speech_span(samples: npt.NDArray[np.float32], part: int = 80) -> tuple[int, int]:
    """Samples between which the word is spoken: from its first to its last part (10 ms) that is loud enough."""
    count = max(1, len(samples) // part)
    parts = np.square(samples[: count * part].reshape(count, -1).astype(np.float64)).mean(axis=1)
    loud = np.flatnonzero(parts >= parts.max() * 10 ** (-QUIET_DB / 10))
    return int(loud[0]) * part, (int(loud[-1]) + 1) * part


class StringMixer:
    """Random strings. Draws from a generator that torch's global one seeds."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._words = [_word(each) for each in recordings]
        self._of = {
            speaker: [at for at, each in enumerate(self._words) if each.speaker == speaker]
            for speaker in sorted({each.speaker for each in self._words})
        }
        noise = np.random.RandomState(0).standard_normal(60 * RECIPE.sample_rate).astype(np.float32)
        self._noise = np.exp(logmel(noise, _PLAIN).astype(np.float64))

    def draw(self, count: int) -> Strings:
        """As many strings."""
        random = np.random.default_rng(int(torch.randint(1 << 31, (1,))))
        drawn = [self._string(random) for _ in range(count)]
        labels = [label for _, said, _ in drawn for label in said]
        return Strings(
            torch.from_numpy(np.stack([frames for frames, _, _ in drawn])),
            torch.tensor(labels),
            torch.tensor([len(said) for _, said, _ in drawn]),
            torch.from_numpy(np.stack([due for _, _, due in drawn])),
        )

    def _string(
        self, random: np.random.Generator
    ) -> tuple[npt.NDArray[np.float32], list[int], npt.NDArray[np.int64]]:
        speaker = random.choice(list(self._of))
        alone, stretch = random.random() < SAME_SPEAKER, random.uniform(*STRETCH)
        power, due, said = np.zeros((FRAMES, RECIPE.n_mels)), np.full(FRAMES, BLANK), []
        warp = _warp(random)
        at = random.uniform(*PAUSE) * random.integers(0, 2)
        while True:
            own = self._of[speaker] if alone else range(len(self._words))
            word = self._words[own[random.integers(len(own))]]
            slower = np.exp(stretch + random.uniform(-0.1, 0.1))
            end = at + (word.end - word.begin) * slower
            if end + LAG + RUN[1] >= FRAMES:
                break
            _lay(power, word, at, slower, warp)
            for place, label in ((at, MARK), (end, word.digit + 2)):
                middle = round(place) + LAG
                due[middle + RUN[0] : middle + RUN[1]] = label
                said.append(label)
            if random.random() < 0.08:
                break
            at = end + random.uniform(*PAUSE) * random.choice([0.4, 1.0, 1.0]) + 3
        power *= np.exp(random.uniform(*GAIN)) * _colour(random, 1.2)
        start = random.integers(len(self._noise) - FRAMES)
        noise = self._noise[start : start + FRAMES] * np.exp(random.uniform(*NOISE)) * _colour(random, 2.0)
        total = power + noise
        last = int(np.flatnonzero(due)[-1]) - LAG if said else 0
        if random.random() < ENDS and last < FRAMES - 1:
            total[random.integers(max(last, 1), FRAMES) :] = 0.0
        real = np.log(total + RECIPE.log_offset)
        normal = (real - RECIPE.mean[0]) / RECIPE.std[0]
        _mask(normal, random)
        return normal.astype(np.float32), said, due


_PLAIN = replace(RECIPE, log_offset=1e-10, mean=(0.0,), std=(1.0,))


def _word(recording: Recording) -> Word:
    samples = recording.samples()
    begin, end = speech_span(samples)
    padded = np.pad(samples, RECIPE.window)
    power = logmel(padded, _PLAIN).astype(np.float64) - FLOOR
    frames = ((edge + RECIPE.window) / RECIPE.hop for edge in (begin, end))
    return Word(recording.digit, recording.speaker, power, *frames)


def _warp(random: np.random.Generator) -> Floats:
    """float64[bands, bands]: log power of bands -> of bands of another vocal tract."""
    bands = RECIPE.n_mels
    source = np.clip(np.arange(bands) * random.uniform(*WARP) + random.uniform(*LIFT), 0, bands - 1)
    low = np.minimum(source.astype(int), bands - 2)
    matrix = np.zeros((bands, bands))
    matrix[low, np.arange(bands)] = 1 - (source - low)
    matrix[low + 1, np.arange(bands)] += source - low
    return matrix


def _lay(power: Floats, word: Word, begin: float, slower: float, warp: Floats) -> None:
    """Adds the word's power, so that it begins at frame `begin`."""
    first = max(0, int(np.ceil(begin - word.begin * slower)))
    last = min(len(power) - 1, int(np.floor(begin + (len(word.power) - 1 - word.begin) * slower)))
    source = (np.arange(first, last + 1) - begin) / slower + word.begin
    low = np.clip(source.astype(int), 0, len(word.power) - 2)
    share = (source - low)[:, None]
    found = (word.power[low] * (1 - share) + word.power[low + 1] * share) @ warp
    power[first : last + 1] += np.exp(found + FLOOR)


def _colour(random: np.random.Generator, strength: float) -> Floats:
    """Gain of power in each band: a smooth random curve."""
    at = np.linspace(0, np.pi, RECIPE.n_mels)
    waves = np.stack([np.cos(k * at) for k in range(1, 5)])
    weights = random.standard_normal(4) * np.array([1.0, 0.6, 0.4, 0.3]) * strength
    return np.asarray(np.exp(weights @ waves))


def _mask(frames: Floats, random: np.random.Generator) -> None:
    """SpecAugment (Park et al. 2019): up to four bands, and up to four frames, silent."""
    if random.random() < 0.4:
        width = random.integers(1, 5)
        at = random.integers(RECIPE.n_mels - width)
        frames[:, at : at + width] = frames.min()
    for _ in range(random.integers(0, 3)):
        first = random.integers(FRAMES - 4)
        frames[first : first + random.integers(1, 4)] = frames.min()
