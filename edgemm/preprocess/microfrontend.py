"""The audio front end of TFLite Micro, number for number: what microWakeWord and micro_speech are trained on.

In integers, for each hop: a Hann window, a 16-bit FFT, mel filters over mel, the square root of their energies, less a
running estimate of the noise, times a gain that follows it (PCAN: per-channel amplitude normalization, Wang et
al., "Trainable Frontend For Robust and Far-Field Keyword Spotting", 2017), and a logarithm in 1/64. Of the recipe it
takes `window`, `hop`, `n_fft`, `n_mels`, `fmin`, `fmax`, `mean` and `std`; what else there is to set has the values
that TFLite Micro's own examples and microWakeWord use.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from edgemm.card import AudioRecipe
from edgemm.preprocess.fixed_fft import FixedFFT
from edgemm.preprocess.framer import Framer
from edgemm.preprocess.microtables import (
    FILTER_BITS,
    LOG_SEGMENTS,
    gain_table,
    hann_table,
    log_table,
    micro_filters,
)

Ints = npt.NDArray[np.int64]

WORD = (1 << 32) - 1
NOISE_BITS = 10
"""The noise estimate has so many bits more than the signal."""
SHARE_BITS = 14
SMOOTHING = (409, 983)
"""Share of the newest frame in the noise estimate, of even and odd channels: 0.025 and 0.06, in 14 bits."""
REMAINING = 819
"""Share of the signal that noise reduction leaves at least: 0.05, in 14 bits."""
SNR_BITS, OUT_BITS, LOG_BITS, LOG_SHIFT = 12, 6, 16, 6
LOG_2 = 45426
"""Natural logarithm of 2 in 16 bits."""


class MicroFrontend:
    """Incremental: holds the samples of the frame that is not complete yet, and the estimate of the noise."""

    def __init__(self, recipe: AudioRecipe) -> None:
        self._framer = Framer(recipe.window, recipe.hop)
        self._window = hann_table(recipe.window)
        filters, first = micro_filters(recipe)
        self._bins = slice(first, first + filters.shape[1])
        self._filters = np.repeat(filters, 2, axis=1)  # for real and imaginary parts
        self._fft = FixedFFT(recipe.n_fft)
        self._padded = np.zeros(recipe.n_fft)
        self._smoothing = np.resize(np.array(SMOOTHING, np.int64), recipe.n_mels)
        self._noise = np.zeros(recipe.n_mels, np.int64)
        self._correction = recipe.n_fft.bit_length() - 1 - FILTER_BITS // 2
        self._gains = gain_table(NOISE_BITS - self._correction)
        self._logs = log_table()
        self._mean, self._std = (np.asarray(part, np.float64) for part in (recipe.mean, recipe.std))
        self._frame = np.empty(recipe.n_mels, np.float32)

    def push(self, samples: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
        """Takes float32[n] in -1..1 and yields each frame that becomes complete.

        Yields:
            float32[n_mels]: (v - mean) / std of the front end's numbers v, overwritten by the next frame.
        """
        whole = np.clip(np.rint(samples * np.float32(32768.0)), -32768.0, 32767.0)
        for window in self._framer.push(whole):
            signal = self._gained(self._reduced(self._amplitudes(window)))
            np.copyto(self._frame, (self._logarithm(signal) - self._mean) / self._std, casting="same_kind")
            yield self._frame

    def reset(self) -> None:
        """Forgets all samples, and the noise."""
        self._framer.reset()
        self._noise[...] = 0

    def _amplitudes(self, window: npt.NDArray[np.float64]) -> Ints:
        """Square roots of the energies of the channels."""
        part = self._padded[: len(window)]
        np.multiply(window, self._window, out=part)
        np.floor(part, out=part)
        largest = min(max(float(part.max()), -float(part.min())), 32767.0)
        shift = 15 - int(largest).bit_length()
        part *= float(1 << shift)
        bins = self._fft(self._padded, largest * (1 << shift))[self._bins].view(np.float64)
        summed = np.dot(self._filters, bins * bins)
        roots = np.rint(np.sqrt(summed))
        roots -= (roots == 65536.0) & (summed < 4294967296.0)  # the 32-bit root ends at 65535
        scaled: Ints = roots.astype(np.int64) >> shift
        return scaled

    def _reduced(self, signal: Ints) -> Ints:
        """The signal less the running estimate of the noise."""
        scaled = (signal << NOISE_BITS) & WORD
        kept = (1 << SHARE_BITS) - self._smoothing
        np.right_shift(scaled * self._smoothing + self._noise * kept, SHARE_BITS, out=self._noise)
        left = (scaled - np.minimum(self._noise, scaled)) >> NOISE_BITS
        reduced: Ints = np.maximum(left, (signal * REMAINING) >> SHARE_BITS)
        return reduced

    def _gained(self, signal: Ints) -> Ints:
        """Times a gain that falls as the noise rises, then compressed."""
        snr = (signal * self._gains(self._noise)) >> (21 - self._correction - SNR_BITS)
        low = (snr * snr) >> (2 + 2 * SNR_BITS - OUT_BITS)
        high = (snr >> (SNR_BITS - OUT_BITS)) - (1 << OUT_BITS)
        return np.where(snr < 2 << SNR_BITS, low, high)

    def _logarithm(self, signal: Ints) -> Ints:
        """ln in 1/64, 0 for what is not above 1."""
        shift = self._correction
        value = (signal << shift if shift >= 0 else signal >> -shift) & WORD
        np.maximum(value, 1, out=value)
        bits = np.frexp(value)[1].astype(np.int64) - 1
        rest = ((value << LOG_BITS) >> bits) - (1 << LOG_BITS)
        segment = rest >> (LOG_BITS - LOG_SEGMENTS)
        low, step = self._logs[0][segment], self._logs[1][segment]
        inside = rest - (segment << (LOG_BITS - LOG_SEGMENTS))
        log2 = (bits << LOG_BITS) + rest + low + ((step * inside) >> LOG_BITS)
        half = 1 << (LOG_BITS - 1)
        natural = (log2 * LOG_2 + half) >> LOG_BITS
        found: Ints = np.minimum(((natural << LOG_SHIFT) + half) >> LOG_BITS, 65535)
        return found
