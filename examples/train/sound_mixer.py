"""Endless training windows from a few voices: words warped, moved, coloured, mixed and cut.

All of it happens on log-mel power, where it is cheap: a stretch of the time axis is a slower speaker,
a stretch of the mel axis another vocal tract (VTLP; Jaitly and Hinton 2013), a smooth curve over the
bands another microphone, and powers add where sounds overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from speakers import LABELS, RATE, Recording
from torch.nn import functional as F

from edgemm.card import AudioRecipe
from edgemm.preprocess.logmel import logmel

FLOOR = float(np.log(1e-10))
"""Log-mel power of nothing."""
BACKGROUND = len(LABELS) - 1
BACKGROUND_SHARE = 0.15
STRETCH = (-0.4, 0.6)
"""Of the logarithm of a word's length."""
WARP, LIFT = (0.88, 1.14), (-1.0, 1.0)
"""Of the mel axis: slope, and shift in bands."""
COLOUR = 1.2
"""Deviation of the slowest wave over the bands, in natural logarithm of power (4.3 dB)."""
NOISE = (-20.0, -7.5)
"""Natural logarithm of the power of steady noise against full scale."""
GAIN = (-8.0, 2.0)
"""Natural logarithm of power: some people speak from far away."""
BLEND, BLENDED = (-0.3, 1.0), 0.7
"""Share of another voice in a word, 0..1 (below 0: away from it), and how often there is one."""
NOISE_SECONDS = 60


class SoundMixer:
    """Random windows and their labels. Draws from torch's global generator."""

    def __init__(self, recordings: Sequence[Recording], recipe: AudioRecipe) -> None:
        plain = replace(recipe, log_offset=1e-10, mean=(0.0,), std=(1.0,))
        edge = recipe.window - recipe.hop
        words = [logmel(np.pad(r.samples(), edge), plain) for r in recordings]
        self._recipe = recipe
        self._frames, self._bands = recipe.frames, recipe.n_mels
        self._digits = torch.tensor([r.digit for r in recordings])
        self._counts = torch.bincount(self._digits, minlength=10)
        self._by_digit = torch.zeros(10, int(self._counts.max()), dtype=torch.long)
        for digit in range(10):
            own = torch.nonzero(self._digits == digit).flatten()
            self._by_digit[digit, : len(own)] = own
        self._lengths = torch.tensor([float(min(len(word), 2 * recipe.frames)) for word in words])
        self._words = torch.zeros(len(words), 1, int(self._lengths.max()), recipe.n_mels)
        for row, word in zip(self._words, words, strict=True):
            row[0, : len(word)] = torch.from_numpy(word[: row.shape[1]] - FLOOR)
        noise = np.random.RandomState(0).standard_normal(NOISE_SECONDS * RATE).astype(np.float32)
        self._noise = torch.from_numpy(np.exp(logmel(noise, plain)))

    def draw(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """float32[count, 1, frames, bands], prepared as by the card's recipe, and labels int64[count]."""
        word = torch.randint(len(self._digits), (count,))
        labels = self._digits[word]
        power = self._word_windows(word)
        away = torch.rand(count) < BACKGROUND_SHARE
        power[away], labels[away] = self._backgrounds(int(away.sum())), BACKGROUND
        power = (power + self._noises(count)) * torch.exp(_uniform((count, 1, 1), *GAIN))
        real = torch.log(power + self._recipe.log_offset)
        normal = (real - self._recipe.mean[0]) / self._recipe.std[0]
        return _masked(normal).unsqueeze(1), labels

    def _word_windows(self, word: torch.Tensor) -> torch.Tensor:
        """Power of windows that hold the whole word, and often a piece of the words beside it."""
        count = len(word)
        stretch = _stretches(count)
        length = self._lengths[word] * stretch
        least, most = -0.08 * length, self._frames - 0.92 * length
        start = torch.minimum(least, most) + torch.rand(count) * (most - least).abs()
        power = self._render(word, start, stretch)
        for after in (False, True):
            other, other_stretch = self._any_words(count)
            gap = _uniform((count,), 1.0, 25.0)
            before = start - gap - self._lengths[other] * other_stretch
            beside = self._render(other, start + length + gap if after else before, other_stretch)
            power = power + _some(torch.rand(count) < 0.4) * beside
        return power

    def _backgrounds(self, count: int) -> torch.Tensor:
        """Power of windows with no whole word: silence, words cut at the edges, now and then several at once."""
        kind = torch.rand(count)
        power = torch.zeros(count, self._frames, self._bands)
        for after in (False, True):
            cut = (kind > 0.25) & (kind < 0.95) & (torch.rand(count) < 0.7)
            power = power + _some(cut) * self._cut(count, after)
        for _ in range(4):
            word, stretch = self._any_words(count)
            start = _uniform((count,), -10.0, self._frames - 10.0)
            power = power + _some(kind >= 0.95) * self._render(word, start, stretch)
        return power

    def _cut(self, count: int, after: bool) -> torch.Tensor:
        """Words of which at most half has come into the window, or is still in it."""
        word, stretch = self._any_words(count)
        length = self._lengths[word] * stretch
        seen = _uniform((count,), 0.0, 0.5) * length
        return self._render(word, self._frames - seen if after else seen - length, stretch)

    def _any_words(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.randint(len(self._digits), (count,)), _stretches(count)

    def _render(self, word: torch.Tensor, start: torch.Tensor, stretch: torch.Tensor) -> torch.Tensor:
        """Power [n, frames, bands] of words that begin at frame `start`.

        Warped, blended with another voice that says the same, in noise of their own, coloured.
        """
        count = len(word)
        time = (torch.arange(self._frames)[None] - start[:, None]) / stretch[:, None]
        band = torch.arange(self._bands)[None] * _uniform((count, 1), *WARP) + _uniform((count, 1), *LIFT)
        other = self._same_digit(word)
        same_time = time * (self._lengths[other] / self._lengths[word])[:, None]
        words, others = self._sampled(word, time, band), self._sampled(other, same_time, band)
        share = _uniform((count, 1, 1), *BLEND) * _some(torch.rand(count) < BLENDED)
        power = torch.exp((words + share * (others - words)).clamp(min=0.0) + FLOOR)
        inside = ((time >= 0) & (time <= self._lengths[word][:, None]))[:, :, None]
        return (power + inside * self._noises(count)) * self._colours(count, COLOUR)

    def _sampled(self, word: torch.Tensor, time: torch.Tensor, band: torch.Tensor) -> torch.Tensor:
        """Log power over `FLOOR`, [n, frames, bands], of words at these frames [n, frames] and bands [n, bands]."""
        shape = (len(word), self._frames, self._bands)
        inner = 1 - 1 / self._bands
        across = ((2 * band + 1) / self._bands - 1).clamp(-inner, inner)
        along = (2 * time + 1) / self._words.shape[2] - 1
        grid = torch.stack((across[:, None].expand(shape), along[:, :, None].expand(shape)), dim=-1)
        return F.grid_sample(self._words[word], grid, align_corners=False)[:, 0]

    def _same_digit(self, word: torch.Tensor) -> torch.Tensor:
        digit = self._digits[word]
        return self._by_digit[digit, (torch.rand(len(word)) * self._counts[digit]).long()]

    def _colours(self, count: int, strength: float) -> torch.Tensor:
        """Gain of power [n, 1, bands]: a smooth random curve."""
        at = torch.linspace(0, torch.pi, self._bands)
        waves = torch.stack([torch.cos(k * at) for k in range(1, 5)])
        weights = torch.randn(count, 4) * torch.tensor([1.0, 0.6, 0.4, 0.3]) * strength
        return torch.exp(weights @ waves)[:, None, :]

    def _noises(self, count: int) -> torch.Tensor:
        """Power [n, frames, bands] of steady noise, coloured."""
        start = torch.randint(len(self._noise) - self._frames, (count,))
        noise = self._noise[start[:, None] + torch.arange(self._frames)[None]]
        level = torch.exp(_uniform((count, 1, 1), *NOISE))
        return noise * level * self._colours(count, 2.0)


def _masked(windows: torch.Tensor) -> torch.Tensor:
    """SpecAugment (Park et al. 2019): up to 6 frames and up to 5 bands silent, each in half of the windows."""
    count = len(windows)
    for axis, most in ((1, 6), (2, 5)):
        width = torch.randint(0, most + 1, (count, 1, 1)) * (torch.rand(count, 1, 1) < 0.5)
        begin = (torch.rand(count, 1, 1) * windows.shape[axis]).long()
        at = torch.arange(windows.shape[axis]).reshape((1, -1, 1) if axis == 1 else (1, 1, -1))
        silent = (at >= begin) & (at < begin + width)
        windows = torch.where(silent, windows.amin((1, 2), keepdim=True), windows)
    return windows


def _some(chosen: torch.Tensor) -> torch.Tensor:
    """1.0 or 0.0, with two dimensions more."""
    return chosen.float()[..., None, None]


def _uniform(shape: tuple[int, ...], low: float, high: float) -> torch.Tensor:
    return low + (high - low) * torch.rand(shape)


def _stretches(count: int) -> torch.Tensor:
    """How much slower each of the words is said."""
    return torch.exp(_uniform((count,), *STRETCH))
