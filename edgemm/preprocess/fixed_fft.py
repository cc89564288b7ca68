"""The real FFT of 16-bit numbers that small devices compute, number for number: KISS FFT's fixed-point form.

Each stage first divides by its radix, and rounds after every multiplication; twiddles have 15 bits. All values are
whole numbers in float64, where these products and sums are exact. The stages sort by themselves (Stockham), which
keeps the long axis in one piece of memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Complex = npt.NDArray[np.complex128]
ONE = 32767
"""What stands for 1."""
UNIT = 32768.0
"""2 ** 15: products are divided by it."""
NEVER_WRAPS = 23000.0
"""Samples no larger than this, turned by 45 degrees and rounded in each stage, stay within 16 bits."""


class FixedFFT:
    """Of one size, a power of two from 4 on, in memory that is kept."""

    def __init__(self, size: int) -> None:
        half = size // 2
        buffers = np.empty(half, np.complex128), np.empty(half, np.complex128)
        self._packed, self._stages, m = buffers[0], [], 1
        for at, radix in enumerate(_radices(half)):
            source, target = buffers[at % 2], buffers[(at + 1) % 2]
            self._stages.append(_stage(radix, m, source, target))
            self._packed, m = target, m * radix
        self._input = buffers[0]
        self._ends = _twiddles(-np.pi * (np.arange(1, half // 2 + 1) / half + 0.5)) / UNIT
        self._spectrum = np.zeros(half + 1, np.complex128)

    def __call__(self, samples: npt.NDArray[np.float64], largest: float) -> Complex:
        """float64[size] of whole 16-bit numbers -> complex128[size // 2 + 1] of such, divided by `size`.

        The first and the last bin are left 0. Overwritten by the next call.

        Args:
            largest: magnitude among the samples.
        """
        wraps = largest > NEVER_WRAPS
        self._input[...] = samples.view(np.complex128)
        for stage in self._stages:
            stage.run()
            if wraps:
                _wrap(stage.target)
        return self._split(wraps)

    def _split(self, wraps: bool) -> Complex:
        """The spectrum of real numbers from that of pairs of them."""
        packed, out = self._packed, self._spectrum
        half, k = len(packed), len(packed) // 2
        packed *= (ONE // 2) / UNIT
        behind = packed[: k - 1 : -1].conj()
        _round(packed)
        _round(behind)
        ahead = packed[1 : k + 1]
        total, turned = ahead + behind, ahead - behind
        if wraps:
            _wrap(total)
            _wrap(turned)
        turned *= self._ends
        _round(turned)
        out[1 : k + 1] = _halved(total + turned)
        out[half - 1 : k - 1 : -1] = _halved((total - turned).conj())
        return out


@dataclass(frozen=True, slots=True, eq=False)
class _Stage:
    """One pass of butterflies over [radix, m, rest]; views made once."""

    radix: int
    source: npt.NDArray[np.float64]
    """The numbers of the source, flat."""
    still: Complex
    moved: Complex
    """[radix - 1, m, rest] of the source, without the first."""
    twiddles: Complex
    """[radix - 1, m, rest], divided by UNIT."""
    turned: Complex
    """[radix - 1, m, rest]: scratch."""
    scratch: Complex
    """[3, m, rest]."""
    target: Complex
    results: Complex
    """[radix, m, rest] of the target."""

    def run(self) -> None:
        """Source to target; the source is overwritten."""
        numbers = self.source
        numbers *= (ONE // self.radix) / UNIT
        numbers += 0.5
        np.floor(numbers, out=numbers)
        np.multiply(self.moved, self.twiddles, out=self.turned)
        _round(self.turned)
        if self.radix == 2:
            np.add(self.still, self.turned[0], out=self.results[0])
            np.subtract(self.still, self.turned[0], out=self.results[1])
            return
        first, middle, last = self.turned
        both, apart, quarter = self.scratch
        np.add(self.still, middle, out=both)
        np.subtract(self.still, middle, out=apart)
        np.subtract(first, last, out=quarter)
        np.add(first, last, out=middle)
        quarter *= -1j
        np.add(both, middle, out=self.results[0])
        np.add(apart, quarter, out=self.results[1])
        np.subtract(both, middle, out=self.results[2])
        np.subtract(apart, quarter, out=self.results[3])


def _stage(radix: int, m: int, source: Complex, target: Complex) -> _Stage:
    """The pass that makes transforms of length m * radix from those of length m."""
    rest = len(source) // (radix * m)
    parts = source.reshape(m, radix, rest).transpose(1, 0, 2)
    turns = np.outer(np.arange(1, radix), np.arange(m))[:, :, None] / (radix * m)
    twiddles: Any = np.broadcast_to(_twiddles(-2.0 * np.pi * turns) / UNIT, (radix - 1, m, rest))
    turned, scratch = np.empty((radix - 1, m, rest), complex), np.empty((3, m, rest), complex)
    results = target.reshape(radix, m, rest)
    numbers = source.view(np.float64)
    return _Stage(radix, numbers, parts[0], parts[1:], twiddles.copy(), turned, scratch, target, results)


def _round(values: Complex) -> None:
    numbers = values.view(np.float64)
    numbers += 0.5
    np.floor(numbers, out=numbers)


def _wrap(values: Complex) -> None:
    """As 16 bits wrap round."""
    numbers = values.view(np.float64)
    if numbers.max() >= UNIT or numbers.min() < -UNIT:
        numbers -= np.floor((numbers + UNIT) / (2 * UNIT)) * (2 * UNIT)


def _halved(values: Complex) -> Complex:
    numbers = values.view(np.float64)
    numbers *= 0.5
    np.floor(numbers, out=numbers)
    return values


def _radices(size: int) -> list[int]:
    """In the order in which stages run: a two first where one is needed, then fours."""
    twos = size.bit_length() - 1
    return [2] * (twos % 2) + [4] * (twos // 2)


def _twiddles(phase: npt.NDArray[np.float64]) -> Complex:
    return np.asarray(np.floor(0.5 + ONE * np.cos(phase)) + 1j * np.floor(0.5 + ONE * np.sin(phase)))
