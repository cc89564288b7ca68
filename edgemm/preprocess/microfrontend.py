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
    GAIN_BITS,
    LOG_SEGMENTS,
    gain_table,
    hann_table,
    log_table,
    micro_filters,
)

Ints = npt.NDArray[np.int64]


def _whole(value: int) -> Ints:
    """An array without dimensions, which numpy takes in twice as fast as a number."""
    return np.array(value, np.int64)


WORD, ONE = _whole((1 << 32) - 1), _whole(1)
NOISE_BITS = 10
"""The noise estimate has so many bits more than the signal."""
NOISE = _whole(NOISE_BITS)
SHARE = _whole(14)
"""Bits of a share."""
SMOOTHING = (409, 983)
"""Share of the newest frame in the noise estimate, of even and odd channels: 0.025 and 0.06."""
REMAINING = _whole(819)
"""Share of the signal that noise reduction leaves at least: 0.05."""
SNR_BITS, OUT_BITS = 12, 6
KNEE = _whole(2 << SNR_BITS)
"""Below it the signal-to-noise ratio is squared."""
SQUARED, ABOVE, LESS = _whole(2 + 2 * SNR_BITS - OUT_BITS), _whole(SNR_BITS - OUT_BITS), _whole(1 << OUT_BITS)
LOG_BITS = 16
LOG, UNIT, HALF = _whole(LOG_BITS), _whole(1 << LOG_BITS), _whole(1 << (LOG_BITS - 1))
SEGMENT = _whole(LOG_BITS - LOG_SEGMENTS)
WITHIN = _whole((1 << (LOG_BITS - LOG_SEGMENTS)) - 1)
LN_2 = _whole(45426)
"""Natural logarithm of 2 in 16 bits."""
OUT = _whole(6)
"""Bits of the result after its point."""
TOP = _whole(65535)


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
        self._part = self._padded[: recipe.window]
        self._squares, self._sums = np.empty(self._filters.shape[1]), np.empty(recipe.n_mels)
        self._smoothing = np.resize(np.array(SMOOTHING, np.int64), recipe.n_mels)
        self._kept = (1 << int(SHARE)) - self._smoothing
        self._noise = np.zeros(recipe.n_mels, np.int64)
        correction = recipe.n_fft.bit_length() - 1 - FILTER_BITS // 2
        self._up, self._down = _whole(max(correction, 0)), _whole(max(-correction, 0))
        self._snr_shift = _whole(GAIN_BITS - correction - SNR_BITS)
        self._gains = gain_table(NOISE_BITS - correction)
        self._logs = np.stack(log_table())
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
        part = self._part
        np.multiply(window, self._window, out=part)
        np.floor(part, out=part)
        largest = min(max(float(part[part.argmax()]), -float(part[part.argmin()])), 32767.0)
        shift = 15 - int(largest).bit_length()
        np.multiply(part, float(1 << shift), out=part)
        bins = self._fft(self._padded, largest * (1 << shift))[self._bins].view(np.float64)
        np.multiply(bins, bins, out=self._squares)
        summed = np.dot(self._filters, self._squares, out=self._sums)
        roots = np.sqrt(summed)
        np.rint(roots, out=roots)
        scaled = roots.astype(np.int64)
        if scaled[scaled.argmax()] > TOP:  # the root of a 32-bit number ends at 65535
            scaled[(scaled == TOP + 1) & (summed < 4294967296.0)] = TOP
        scaled >>= shift
        return scaled

    def _reduced(self, signal: Ints) -> Ints:
        """The signal less the running estimate of the noise."""
        scaled = (signal << NOISE) & WORD
        np.right_shift(scaled * self._smoothing + self._noise * self._kept, SHARE, out=self._noise)
        left = (scaled - np.minimum(self._noise, scaled)) >> NOISE
        reduced: Ints = np.maximum(left, (signal * REMAINING) >> SHARE)
        return reduced

    def _gained(self, signal: Ints) -> Ints:
        """Times a gain that falls as the noise rises, then compressed."""
        snr = (signal * self._gains(self._noise)) >> self._snr_shift
        low = (snr * snr) >> SQUARED
        np.subtract(snr >> ABOVE, LESS, out=low, where=snr >= KNEE)
        return low

    def _logarithm(self, signal: Ints) -> Ints:
        """ln in 1/64, 0 for what is not above 1."""
        value = (signal << self._up >> self._down) & WORD
        np.maximum(value, ONE, out=value)
        bits = np.frexp(value)[1] - ONE
        rest = ((value << LOG) >> bits) - UNIT
        segment = rest >> SEGMENT
        above, step = self._logs.take(segment, axis=1)
        log2 = (bits << LOG) + rest + above + ((step * (rest & WITHIN)) >> LOG)
        natural = (log2 * LN_2 + HALF) >> LOG
        found: Ints = np.minimum(((natural << OUT) + HALF) >> LOG, TOP)
        return found
