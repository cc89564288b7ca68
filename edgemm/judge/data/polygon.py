"""The pixels inside polygons."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt


def fill(polygons: Iterable[npt.NDArray[Any]], size_wh: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """bool[height, width]: pixels whose centre lies inside at least one of the polygons.

    Args:
        polygons: float[k, 2] each, x and y in pixels, continuous, closed by itself; what lies outside of the picture is
            cut off. Where a polygon crosses itself, what is inside twice is outside (even-odd rule).
    """
    width, height = size_wh
    mask = np.zeros((height, width), bool)
    for polygon in polygons:
        mask |= _one(np.asarray(polygon, np.float64), width, height)
    return mask


def _one(polygon: npt.NDArray[np.float64], width: int, height: int) -> npt.NDArray[np.bool_]:
    """Each edge is crossed in the rows between its ends; a pixel is inside where the crossings to its left are odd."""
    crossings = np.zeros((height, width + 1), np.int32)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        first, last = (int(np.clip(np.ceil(y - 0.5), 0, height)) for y in (min(y0, y1), max(y0, y1)))
        if first >= last:
            continue
        rows = np.arange(first, last)
        xs = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
        np.add.at(crossings, (rows, np.clip(np.ceil(xs - 0.5), 0, width).astype(int)), 1)
    return np.asarray(np.cumsum(crossings, axis=1)[:, :width] % 2 == 1)
