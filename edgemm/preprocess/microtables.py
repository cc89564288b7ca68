"""The tables of TFLite Micro's audio front end, made as it makes them, in single precision where it does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgemm.card import AudioRecipe

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

FILTER_BITS = 12
WINDOW_BITS = 12
NEARLY = 0.0125
"""A filter's weight that lies so little below a half is rounded up: there the last bit of the C library's
single-precision logarithm decides, and with glibc's it goes up."""
LOG_SEGMENTS = 7
"""2 ** 7 pieces of the logarithm's table."""
GAIN_BITS, GAIN_STRENGTH, GAIN_OFFSET = 21, 0.95, 80.0
"""Of PCAN: 2 ** 21 / (noise + 80) ** 0.95."""
_f = np.float32


def hann_table(length: int) -> Floats:
    """The Hann window in 12 bits, divided by 2 ** 12; its samples lie between those of the periodic one."""
    angles = _f(2.0 * np.pi / length) * (np.arange(length, dtype=_f) + _f(0.5))
    values = _f(0.5) - _f(0.5) * np.cos(angles.astype(np.float64)).astype(_f)
    table: Floats = np.floor(values.astype(np.float64) * (1 << WINDOW_BITS) + 0.5) / (1 << WINDOW_BITS)
    return table


def micro_filters(recipe: AudioRecipe) -> tuple[Floats, int]:
    """float64[n_mels, bins]: whole numbers in 12 bits, from the first bin that counts; and that bin.

    The bins between two centres are shared by the two channels. The bins below the first centre have no lower one.
    """
    count = recipe.n_mels + 1
    low, high = _mel(_f(recipe.fmin)), _mel(_f(recipe.fmax))
    spacing = (high - low) / _f(count)
    centres = low + spacing * np.arange(1, count + 1, dtype=_f)
    per_bin = _f(0.5 * recipe.sample_rate / (recipe.n_fft // 2))
    first = int(1.5 + recipe.fmin / float(per_bin))
    mels = _mel(np.arange(recipe.n_fft // 2 + 1, dtype=_f) * per_bin)
    last = int(np.searchsorted(mels, centres[-1], side="right"))
    filters = np.zeros((count + 1, last - first))
    for column, mel in enumerate(mels[first:last]):
        channel = int(np.searchsorted(centres, mel, side="left"))
        below = low if channel == 0 else centres[channel - 1]
        weight = (centres[channel] - mel) / (centres[channel] - below)
        filters[channel, column] = np.floor(float(weight) * (1 << FILTER_BITS) + 0.5 + NEARLY)
        filters[channel + 1, column] = (1 << FILTER_BITS) - filters[channel, column]
    return np.ascontiguousarray(filters[1:count]), first


def _mel(hertz: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """The logarithm itself in double precision, so that it does not depend on numpy's version."""
    ratio = np.asarray(hertz, _f) / _f(700.0)
    return np.asarray(_f(1127.0) * np.log1p(ratio.astype(np.float64)).astype(_f))


class gain_table:
    """The gain for each estimate of the noise: a parabola between each two powers of two."""

    def __init__(self, input_bits: int) -> None:
        self._bits = input_bits
        rows = [(self._gain(0), 0, 0), (self._gain(1), 0, 0)]
        for interval in range(2, 33):
            begin = 1 << (interval - 1)
            end = 2 * begin - (interval == 32)
            y0, y1, y2 = map(self._gain, (begin, begin + begin // 2, end))
            bend = 4 * (y1 - y0) - (y2 - y0)
            rows.append((y0, bend, y2 - y0 - bend))
        places = np.arange(33)
        shifts = np.maximum(11 - places, 0), np.maximum(places - 11, 0)
        self._rows = np.vstack([np.array(rows, np.int64).T, *shifts])

    def __call__(self, noise: Ints) -> Ints:
        """int64[n] -> int64[n]."""
        interval = np.frexp(noise)[1]
        y0, slope, bend, up, down = self._rows.take(interval, axis=1)
        part = ((noise << up) >> down) & 0x3FF
        found: Ints = (((((bend * part) >> 5) + (slope << 5)) * part + (1 << 14)) >> 15) + y0
        return found

    def _gain(self, noise: int) -> int:
        at = _f(noise) / _f(1 << self._bits) + _f(GAIN_OFFSET)
        power = _f(np.float64(at) ** -np.float64(_f(GAIN_STRENGTH)))
        return min(int(_f(1 << GAIN_BITS) * power + _f(0.5)), 32767)


def log_table() -> tuple[Ints, Ints]:
    """How far log2(1 + x) is above x, in 16 bits, at each of 2 ** 7 places; and the step to the next."""
    x = np.arange((1 << LOG_SEGMENTS) + 1) / (1 << LOG_SEGMENTS)
    values = np.rint(65536.0 * (np.log2(1.0 + x) - x)).astype(np.int64)
    return values[:-1], np.diff(values)
