"""Constants that were on an integer grid before they became real numbers: the grid is found in the numbers.

A quantized source's weights are whole multiples of a step. Rewrites transpose, cut and reshape them, and a grid kept
beside them would be lost; the numbers themselves stay multiples of that step. Storing them on any other grid of 8 bits
would round them a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float64]

WHOLE = 5e-5
"""In steps: so far from a whole number is what float32 makes of a product of an integer and a scale."""
LOOKED_AT = 16
"""Numbers of each row by which most candidates are ruled out."""
TOGETHER = 4096
"""Rows that are looked at with all candidates at once."""
FIRST = 2
"""Of these, by which nearly all are that are looked at together: real weights are on no grid."""


def known_steps(rows: npt.NDArray[Any], width: Rows, most: int) -> npt.NDArray[np.int64]:
    """Of each row: into how many steps its width is to be divided, so that all its numbers are whole steps.

    Args:
        rows: float[rows, numbers].
        width: float64[rows], what is divided; 0 for a row of zeros.
        most: how many steps an integer type has.

    Returns:
        int64[rows], at most `most`; 0 for a row that is on no such grid, and for one of width 0.
    """
    found = np.zeros(len(rows), np.int64)
    left = np.flatnonzero(width > 0) if rows.shape[1] else np.zeros(0, np.int64)
    few = rows[:, :: max(rows.shape[1] // LOOKED_AT, 1)].astype(np.float64)
    for count in _possible(few[left, :FIRST] / width[left, None], range(most, most // 2, -1)):
        likely = left[_whole(few[left] / width[left, None], count)]
        fits = likely[_whole(rows[likely] / width[likely, None], count)]
        found[fits] = count
        left = np.setdiff1d(left, fits, assume_unique=True)
    return found


def _possible(parts: Rows, counts: Sequence[int]) -> list[int]:
    """Those of the counts with which the first numbers of any row are whole steps."""
    likely, steps = np.zeros(len(counts), np.bool_), np.array(counts, np.float64)[:, None, None]
    for begin in range(0, len(parts), TOGETHER):
        scaled = parts[begin : begin + TOGETHER] * steps
        fits: npt.NDArray[np.bool_] = np.abs(scaled - np.rint(scaled)) <= WHOLE
        likely |= np.any(np.all(fits, axis=2), axis=1)
    return [count for count, one in zip(counts, likely, strict=True) if one]


def _whole(parts: Rows, count: int) -> npt.NDArray[np.bool_]:
    """Of each row: all its numbers are whole steps where the width has `count` of them."""
    scaled = parts * count
    return np.asarray((np.abs(scaled - np.rint(scaled)) <= WHOLE).all(axis=1))


def step_of(array: npt.NDArray[Any], most: int) -> float:
    """The step of the grid from the smallest to the largest number and 0 that holds all of them exactly; 0.0 where
    there is none of at most `most` steps, or only the finest."""
    values = array.astype(np.float64).reshape(1, -1)
    width = np.array([max(values.max(initial=0.0), 0.0) - min(values.min(initial=0.0), 0.0)])
    count = int(known_steps(values, width, most)[0])
    return float(width[0]) / count if 0 < count < most else 0.0
