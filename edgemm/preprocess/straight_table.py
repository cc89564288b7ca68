"""A table of pixels that is a straight line: computed for many pixels at once, instead of looked up one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_PIXELS = np.arange(256, dtype=np.float32)
_NEIGHBOURS = 4
"""The factor is rounded: so many float32 numbers above and below are tried."""


@dataclass(frozen=True, slots=True)
class StraightTable:
    """`pixel * factor + offset`, in float32, rounded after each of the two: the table's own numbers, bit for bit."""

    factor: np.float32
    offset: np.float32 | None
    """None where the product is the number already."""

    def write(self, picture: npt.NDArray[np.uint8], target: npt.NDArray[Any]) -> None:
        """Writes each pixel's number into `target`, float32 of the shape of `picture`."""
        np.copyto(target, picture)
        np.multiply(target, self.factor, out=target)
        if self.offset is not None:
            np.add(target, self.offset, out=target)


def straight(table: npt.NDArray[Any]) -> StraightTable | None:
    """What computes all 256 numbers of a table exactly; None where nothing does, or the table is not of float32."""
    if table.dtype != np.float32:
        return None
    wanted, offset = table.tobytes(), table[0]
    for factor in _near(np.float32((float(table[255]) - float(offset)) / 255)):
        product = _PIXELS * factor
        if product.tobytes() == wanted:
            return StraightTable(factor, None)
        if (product + offset).tobytes() == wanted:
            return StraightTable(factor, offset)
    return None


def _near(number: np.float32) -> list[np.float32]:
    """The number, and its neighbours on both sides."""
    found = [number]
    above = below = number
    for _ in range(_NEIGHBOURS):
        above, below = np.nextafter(above, np.float32(np.inf)), np.nextafter(below, np.float32(-np.inf))
        found += [above, below]
    return found
