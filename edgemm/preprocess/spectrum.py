"""The mel energies of one analysis window: the linear part of every log-mel front end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import AudioRecipe
from edgemm.preprocess.mel import mel_bank

Floats = npt.NDArray[np.float64]


class MelSpectrum:
    """Window function, real FFT, power and mel filters, in memory that is kept."""

    def __init__(self, recipe: AudioRecipe) -> None:
        self._power = recipe.power
        self._remove_dc, self._preemphasis = recipe.remove_dc, recipe.preemphasis
        self._plain = not recipe.remove_dc and recipe.preemphasis == 0.0
        bank = mel_bank(
            recipe.sample_rate, recipe.n_fft, recipe.n_mels, recipe.fmin, recipe.fmax, recipe.mel_scale
        )
        self._bank = bank.astype(np.float64)
        self._window = _window(recipe.window_type, recipe.window) * recipe.gain
        at = (recipe.n_fft - recipe.window) // 2 if recipe.window_at == "middle" else 0
        self._covered = slice(at, at + recipe.window)
        self._part = np.empty(recipe.window)
        self._padded = np.zeros(recipe.n_fft)
        self._magnitude = np.empty(recipe.n_fft // 2 + 1)
        self._mel = np.empty(recipe.n_mels)
        self._rfft = _real_fft(recipe.n_fft)

    def __call__(self, samples: Floats) -> Floats:
        """float64[samples of a frame] -> float64[n_mels], overwritten by the next one."""
        covered = samples[self._covered]
        part = covered if self._plain else self._filtered(covered)
        np.multiply(part, self._window, out=self._padded[: len(part)])
        np.abs(self._rfft(self._padded), out=self._magnitude)
        if self._power == 2.0:
            np.multiply(self._magnitude, self._magnitude, out=self._magnitude)
        elif self._power != 1.0:
            np.power(self._magnitude, self._power, out=self._magnitude)
        mel: Floats = np.dot(self._bank, self._magnitude, out=self._mel)
        return mel

    def _filtered(self, samples: Floats) -> Floats:
        """Without its mean, and with the high frequencies raised."""
        part = self._part
        np.subtract(samples, samples.mean() if self._remove_dc else 0.0, out=part)
        if self._preemphasis:
            first = part[0]
            part[1:] -= self._preemphasis * part[:-1]
            part[0] = first - self._preemphasis * first
        return part


def _window(kind: str, length: int) -> Floats:
    """hann, hamming: periodic. povey: symmetric Hann to the power of 0.85, as Kaldi has it."""
    if kind == "povey":
        return np.asarray((0.5 - 0.5 * np.cos(2.0 * np.pi / max(1, length - 1) * np.arange(length))) ** 0.85)
    most = 0.54 if kind == "hamming" else 0.5
    return np.asarray(most - (1.0 - most) * np.cos(2.0 * np.pi / length * np.arange(length)))


def _real_fft(n_fft: int) -> Callable[[Floats], npt.NDArray[np.complex128]]:
    """`np.fft.rfft` into memory that is kept, where numpy (2.0 and newer) can."""
    if np.lib.NumpyVersion(np.__version__) < "2.0.0":
        return np.fft.rfft
    spectrum = np.empty(n_fft // 2 + 1, np.complex128)
    rfft: Any = np.fft.rfft

    def into_kept(padded: Floats) -> npt.NDArray[np.complex128]:
        result: npt.NDArray[np.complex128] = rfft(padded, out=spectrum)
        return result

    return into_kept
