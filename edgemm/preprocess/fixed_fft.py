"""The real FFT of 16-bit numbers that small devices compute, number for number: KISS FFT's fixed-point form.

Each stage first divides by its radix, and rounds after every multiplication; twiddles have 15 bits. All values are
whole numbers in float64, where these products and sums are exact. The stages sort by themselves (Stockham), which
keeps the long axis in one piece of memory. Constants are arrays without dimensions, which numpy takes in twice as
fast as numbers, and views are made once: what counts here is the number of calls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Complex = npt.NDArray[np.complex128]
ONE = 32767
"""What stands for 1."""
UNIT = 32768.0
"""2 ** 15: products are divided by it."""
HALF, MINUS_J = np.array(0.5), np.array(-1j)
NEVER_WRAPS = 23000.0
"""Samples no larger than this, turned by 45 degrees and rounded in each stage, stay within 16 bits."""


class FixedFFT:
    """Of one size, a power of two from 16 on, in memory that is kept."""

    def __init__(self, size: int) -> None:
        half = size // 2
        buffers = np.empty(half, np.complex128), np.empty(half, np.complex128)
        self._input, self._stages, m, packed = buffers[0], [], 1, buffers[0]
        for at, radix in enumerate(_radices(half)):
            source, packed = buffers[at % 2], buffers[(at + 1) % 2]
            self._stages.append(_stage(radix, m, source, packed))
            m *= radix
        self._split = _Split(packed)

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
                _wrap(stage.numbers)
        return self._split.run(wraps)


class _Split:
    """The spectrum of real numbers from that of pairs of them."""

    def __init__(self, packed: Complex) -> None:
        half, k = len(packed), len(packed) // 2
        self._numbers, self._ahead, self._behind = (
            packed.view(np.float64),
            packed[1 : k + 1],
            packed[: k - 1 : -1],
        )
        self._scale = np.array((ONE // 2) / UNIT)
        self._ends = _twiddles(-np.pi * (np.arange(1, k + 1) / half + 0.5)) / UNIT
        self._mirrored, self._total, self._turned, self._low, self._high = np.empty((5, k), np.complex128)
        self._spectrum = np.zeros(half + 1, np.complex128)
        self._low_bins, self._high_bins = self._spectrum[1 : k + 1], self._spectrum[half - 1 : k - 1 : -1]

    def run(self, wraps: bool) -> Complex:
        """The packed numbers are overwritten."""
        total, turned, mirrored = self._total, self._turned, self._mirrored
        np.multiply(self._numbers, self._scale, out=self._numbers)
        np.conjugate(self._behind, out=mirrored)
        _round(self._numbers)
        _round(mirrored.view(np.float64))
        np.add(self._ahead, mirrored, out=total)
        np.subtract(self._ahead, mirrored, out=turned)
        if wraps:
            _wrap(total.view(np.float64))
            _wrap(turned.view(np.float64))
        np.multiply(turned, self._ends, out=turned)
        _round(turned.view(np.float64))
        np.add(total, turned, out=self._low)
        np.subtract(total, turned, out=self._high)
        np.conjugate(self._high, out=self._high)
        for values, bins in ((self._low, self._low_bins), (self._high, self._high_bins)):
            numbers = values.view(np.float64)
            np.multiply(numbers, HALF, out=numbers)
            np.floor(numbers, out=numbers)
            bins[...] = values
        return self._spectrum


@dataclass(frozen=True, slots=True, eq=False)
class _Stage:
    """One pass of butterflies over [radix, m, rest]; views made once."""

    scale: npt.NDArray[np.float64]
    """1 / radix in 15 bits."""
    source: npt.NDArray[np.float64]
    """The numbers of the source, flat."""
    still: Complex
    moved: Complex
    """[radix - 1, m, rest] of the source, without the first."""
    twiddles: Complex
    """[radix - 1, m, rest], divided by UNIT."""
    turned: Complex
    """[radix - 1, m, rest]: scratch."""
    turned_numbers: npt.NDArray[np.float64]
    scratch: tuple[Complex, ...]
    """Three of [m, rest]."""
    numbers: npt.NDArray[np.float64]
    """The numbers of the target, flat."""
    results: tuple[Complex, ...]
    """[m, rest] of the target, `radix` times."""

    def run(self) -> None:
        """Source to target; the source is overwritten."""
        np.multiply(self.source, self.scale, out=self.source)
        _round(self.source)
        np.multiply(self.moved, self.twiddles, out=self.turned)
        _round(self.turned_numbers)
        still, results = self.still, self.results
        if len(results) == 2:
            np.add(still, self.turned[0], out=results[0])
            np.subtract(still, self.turned[0], out=results[1])
            return
        first, middle, last = self.turned
        both, apart, quarter = self.scratch
        np.add(still, middle, out=both)
        np.subtract(still, middle, out=apart)
        np.subtract(first, last, out=quarter)
        np.add(first, last, out=middle)
        np.multiply(quarter, MINUS_J, out=quarter)
        np.add(both, middle, out=results[0])
        np.add(apart, quarter, out=results[1])
        np.subtract(both, middle, out=results[2])
        np.subtract(apart, quarter, out=results[3])


def _stage(radix: int, m: int, source: Complex, target: Complex) -> _Stage:
    """The pass that makes transforms of length m * radix from those of length m."""
    rest = len(source) // (radix * m)
    parts = source.reshape(m, radix, rest).transpose(1, 0, 2)
    turns = np.outer(np.arange(1, radix), np.arange(m))[:, :, None] / (radix * m)
    turned = np.empty((radix - 1, m, rest), np.complex128)
    return _Stage(
        scale=np.array((ONE // radix) / UNIT),
        source=source.view(np.float64),
        still=parts[0],
        moved=parts[1:],
        twiddles=np.broadcast_to(_twiddles(-2.0 * np.pi * turns) / UNIT, turned.shape).copy(),
        turned=turned,
        turned_numbers=turned.view(np.float64),
        scratch=tuple(np.empty((3, m, rest), np.complex128)),
        numbers=target.view(np.float64),
        results=tuple(target.reshape(radix, m, rest)),
    )


def _round(numbers: npt.NDArray[np.float64]) -> None:
    np.add(numbers, HALF, out=numbers)
    np.floor(numbers, out=numbers)


def _wrap(numbers: npt.NDArray[np.float64]) -> None:
    """As 16 bits wrap round. Finding the place of the largest is faster than finding the largest."""
    if numbers[numbers.argmax()] >= UNIT or numbers[numbers.argmin()] < -UNIT:
        numbers -= np.floor((numbers + UNIT) / (2 * UNIT)) * (2 * UNIT)


def _radices(size: int) -> list[int]:
    """In the order in which stages run: a two first where one is needed, then fours."""
    twos = size.bit_length() - 1
    return [2] * (twos % 2) + [4] * (twos // 2)


def _twiddles(phase: npt.NDArray[np.float64]) -> Complex:
    return np.asarray(np.floor(0.5 + ONE * np.cos(phase)) + 1j * np.floor(0.5 + ONE * np.sin(phase)))
