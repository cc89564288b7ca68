"""Log-mel frames of running sound, one at a time; and of whole recordings, by the same arithmetic.

Version 1 of the front end, exactly:

    frame t covers samples [t * hop, t * hop + window): nothing is centred or padded
    times a periodic Hann window, zero-padded at the end to n_fft
    |rfft| ** power, times the mel filter bank (mel.py)
    (ln(mel + log_offset) - mean) / std

Computed in float64 and rounded once to float32, one frame at a time: so the values depend neither on the
size of the blocks that the sound comes in, nor on the version of numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import AudioRecipe
from edgemm.preprocess.mel import mel_bank


class LogMel:
    """Incremental log-mel: holds the samples of the frame that is not complete yet, and scratch memory."""

    def __init__(self, recipe: AudioRecipe) -> None:
        self._hop, self._window, self._power = recipe.hop, recipe.window, recipe.power
        self._offset = recipe.log_offset
        self._mean, self._std = (np.asarray(part, np.float64) for part in (recipe.mean, recipe.std))
        bank = mel_bank(
            recipe.sample_rate, recipe.n_fft, recipe.n_mels, recipe.fmin, recipe.fmax, recipe.mel_scale
        )
        self._bank = bank.astype(np.float64)
        self._hann = 0.5 - 0.5 * np.cos(2.0 * np.pi / recipe.window * np.arange(recipe.window))
        self._samples = np.zeros(recipe.window)
        self._padded = np.zeros(recipe.n_fft)
        self._magnitude = np.empty(recipe.n_fft // 2 + 1)
        self._mel = np.empty(recipe.n_mels)
        self._frame = np.empty(recipe.n_mels, np.float32)
        self._rfft = _real_fft(recipe.n_fft)
        self._filled = 0

    def push(self, samples: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
        """Takes float32[n] and yields each frame that becomes complete.

        Yields:
            float32[n_mels], overwritten by the next frame.
        """
        at = 0
        while at < len(samples):
            take = min(self._window - self._filled, len(samples) - at)
            self._samples[self._filled : self._filled + take] = samples[at : at + take]
            self._filled += take
            at += take
            if self._filled == self._window:
                self._compute()
                self._filled -= self._hop
                self._samples[: self._filled] = self._samples[self._hop :]
                yield self._frame

    def reset(self) -> None:
        """Forgets all samples."""
        self._filled = 0

    def _compute(self) -> None:
        np.multiply(self._samples, self._hann, out=self._padded[: self._window])
        np.abs(self._rfft(self._padded), out=self._magnitude)
        if self._power == 2.0:
            np.multiply(self._magnitude, self._magnitude, out=self._magnitude)
        elif self._power != 1.0:
            np.power(self._magnitude, self._power, out=self._magnitude)
        mel = np.dot(self._bank, self._magnitude, out=self._mel)
        mel += self._offset
        np.log(mel, out=mel)
        mel -= self._mean
        mel /= self._std
        self._frame[...] = mel


def logmel(samples: npt.NDArray[np.float32], recipe: AudioRecipe) -> npt.NDArray[np.float32]:
    """The log-mel frames of a whole recording.

    Args:
        samples: float32[n] in -1..1, at the recipe's sample rate.

    Returns:
        float32[frames, n_mels]; no frames when there are fewer samples than one window.
    """
    count = max(0, 1 + (len(samples) - recipe.window) // recipe.hop)
    frames = np.empty((count, recipe.n_mels), np.float32)
    for row, frame in zip(frames, LogMel(recipe).push(samples), strict=True):
        row[...] = frame
    return frames


def _real_fft(n_fft: int) -> Callable[[npt.NDArray[np.float64]], npt.NDArray[np.complex128]]:
    """`np.fft.rfft` into memory that is kept, where numpy (2.0 and newer) can."""
    if np.lib.NumpyVersion(np.__version__) < "2.0.0":
        return np.fft.rfft
    spectrum = np.empty(n_fft // 2 + 1, np.complex128)
    rfft: Any = np.fft.rfft

    def into_kept(padded: npt.NDArray[np.float64]) -> npt.NDArray[np.complex128]:
        result: npt.NDArray[np.complex128] = rfft(padded, out=spectrum)
        return result

    return into_kept
