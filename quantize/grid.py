"""Ranges of real numbers, and the integer grids (scale and zero point) that represent them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.quantize.lattice import known_steps

MIN_WEIGHT_SCALE = 2.0**-33
"""Smaller scales make int32 biases overflow; weights this small are zero for any purpose."""

WEIGHT_STEPS = 127
"""Of a weight in 8 bits, on either side of 0."""

PAIR_STEPS = 64
"""The same in 7 bits. x86 without VNNI adds two products of u8 and s8 in 16 bits, and saturates there (vpmaddubsw):
2 * 255 * 64 = 32640 is the most that fits."""

MAX_SCALE = 2.0**33
"""Of any grid. Two such scales multiplied, and sums of the products, are far from the end of float32, where LiteRT
ends the process; and what needs larger ones is not a signal."""


@dataclass(frozen=True, slots=True)
class Range:
    """The smallest and largest real value that a tensor took."""

    low: float
    high: float
    step: float = 0.0
    """Scale of the 8-bit grid whose ends these are, where a quantized source has prescribed one; 0.0: choose one."""

    def with_zero(self) -> Range:
        """Widened so that 0.0 lies inside: padding and ReLU need an exact zero."""
        return self.union(Range(0.0, 0.0))

    @property
    def width(self) -> float:
        """From the smallest to the largest value."""
        return self.high - self.low

    @property
    def fits(self) -> bool:
        """True when a grid whose scale is within the limits holds it."""
        return self.with_zero().width <= MAX_SCALE * 255

    def union(self, other: Range) -> Range:
        """The smallest range that holds both; a grid that holds both stays what it is."""
        for one, two in ((self, other), (other, self)):
            if one.step and one.low <= two.low and two.high <= one.high:
                return one
        return Range(min(self.low, other.low), max(self.high, other.high))


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Real value = (stored - zero_point) * scale, stored in signed 8 bits (bias: 32).

    The unsigned form used in ONNX is the same grid with 128 added to both.
    """

    scale: npt.NDArray[np.float32]
    """float32[1], or one scale per slice along `axis`."""
    zero_point: int = 0
    """-128..127; 0 on every weight."""
    axis: int | None = None
    """Dimension that `scale` runs along; None: one scale for the tensor."""
    dtype: str = "int8"
    """"int8", or "int32" for a bias."""
    steps: int = WEIGHT_STEPS
    """Of a weight: the largest |stored|."""

    @property
    def scalar(self) -> float:
        """The one scale of a per-tensor grid."""
        return float(self.scale[0])

    def same_as(self, other: Grid) -> bool:
        """True when both stand for the same numbers."""
        return (
            self.zero_point == other.zero_point
            and self.axis == other.axis
            and self.dtype == other.dtype
            and self.steps == other.steps
            and np.array_equal(self.scale, other.scale)
        )

    def quantize(self, real: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Real -> stored, rounding half to even, saturated."""
        info = np.iinfo(self.dtype)
        low, high = info.min, info.max
        if self.dtype == "int8" and (
            self.steps < WEIGHT_STEPS or (self.zero_point == 0 and self.axis is not None)
        ):
            low, high = -self.steps, self.steps
        steps = np.asarray(np.asarray(real, np.float64) / self._broadcast(real).astype(np.float64))
        np.rint(steps, out=steps)  # in place: weights may be large
        steps += self.zero_point
        stored: npt.NDArray[Any] = np.clip(steps, low, high, out=steps).astype(self.dtype)
        return stored

    def dequantize(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Stored -> real."""
        steps: npt.NDArray[np.float32] = stored.astype(np.float32) - np.float32(self.zero_point)
        return steps * self._broadcast(stored)

    def _broadcast(self, array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        if self.axis is None:
            return self.scale.reshape(())
        shape = [1] * np.ndim(array)
        shape[self.axis] = -1
        return self.scale.reshape(shape)


def asymmetric(value_range: Range) -> Grid:
    """256 steps over the range, 0.0 exactly on one of them; the prescribed steps where there are such."""
    bounds = value_range.with_zero()
    scale = np.float32(bounds.step or max((bounds.high - bounds.low) / 255.0, 1e-12))
    zero_point = int(np.clip(np.rint(-128.0 - bounds.low / float(scale)), -128, 127))
    return Grid(np.array([scale], np.float32), zero_point)


def symmetric(value_range: Range) -> Grid:
    """Zero point 0, -127..127 over the larger side of the range; the prescribed steps where zero is in the middle."""
    if value_range.step and asymmetric(value_range).zero_point == 0:
        return asymmetric(value_range)
    reach = max(abs(value_range.low), abs(value_range.high))
    return Grid(np.array([max(reach / 127.0, 1e-12)], np.float32), 0)


def weight_grid(weights: npt.NDArray[np.floating[Any]], axis: int | None, steps: int = WEIGHT_STEPS) -> Grid:
    """Symmetric, one scale per slice along `axis` (None: one for all), tiny scales floored; weights that were integers
    before are on the grid that they were on.

    Args:
        steps: on either side of 0; weights that were integers of more steps keep those.
    """
    rows = weights.reshape(1, -1) if axis is None else np.moveaxis(weights, axis, 0)
    rows = rows.reshape(len(rows), -1)
    reach = np.abs(rows).max(axis=1, initial=0.0).astype(np.float64)
    known = known_steps(rows, reach, steps)
    others = (known == 0) & (reach > 0)
    if steps < WEIGHT_STEPS and others.any():
        finer = known_steps(rows, reach, WEIGHT_STEPS)
        if 2 * np.count_nonzero(finer[others]) > np.count_nonzero(others):  # a row of two may be so by chance
            known, steps = finer, WEIGHT_STEPS
    scale = np.maximum(reach / np.where(known > 0, known, steps), MIN_WEIGHT_SCALE)
    return Grid(scale.astype(np.float32), 0, axis, steps=steps)
