"""Boxes that are distances from the middle of a cell to the four sides, in plain loops over NumPy numbers.

After the papers: FCOS (Tian et al. 2019), Generalized Focal Loss (Li et al. 2020) for distances as a distribution, and
SCRFD (Guo et al. 2021) for key points. Of nothing in edgemm.
"""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


def mean_distance(numbers: Array) -> float:
    """The mean of 0, 1, 2 ... under the softmax of the numbers; the number itself where there is one."""
    if len(numbers) == 1:
        return float(numbers[0])
    powers = [math.exp(float(each) - float(max(numbers))) for each in numbers]
    return sum(at * each for at, each in enumerate(powers)) / sum(powers)


def candidate(
    distances: Array,
    points: Array,
    column: int,
    row: int,
    stride: int,
    offset: tuple[float, float],
    unit: float,
) -> tuple[list[float], list[list[float]]]:
    """Box and key points of one anchor in pixels of the input.

    Args:
        distances: 4 * bins numbers: those of the left side first, then top, right, bottom.
        points: x, y of each key point, one after the other.
        unit: pixels of a distance of 1.
    """
    x, y = (column + offset[0]) * stride, (row + offset[1]) * stride
    left, top, right, bottom = (mean_distance(each) * unit for each in distances.reshape(4, -1))
    box = [x - left, y - top, x + right, y + bottom]
    return box, [[x + float(px) * unit, y + float(py) * unit] for px, py in points.reshape(-1, 2)]


def candidates(
    distances: Array, points: Array, stride: int, offset: tuple[float, float], unit: float
) -> list[tuple[list[float], list[list[float]]]]:
    """Of one grid, row by row, cell by cell, anchor by anchor.

    Args:
        distances: [H, W, A, 4 * bins].
        points: [H, W, A, 2 * K].
    """
    high, wide, anchors, _ = distances.shape
    return [
        candidate(distances[row, column, at], points[row, column, at], column, row, stride, offset, unit)
        for row in range(high)
        for column in range(wide)
        for at in range(anchors)
    ]
