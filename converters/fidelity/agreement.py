"""Whether the best class is the same, as runtimes answer: the first of the best scores.

Where the source's own best scores are equal, any of them is the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

ROUNDING = 4.0 * float(np.finfo(np.float32).eps)
"""Of a score: what the order of a sum changes in float32. Scores no further apart are equal."""
COMMON = 2 / 3
"""A class that is the answer in more rows than this share hides what happens in the others."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often the best class is the same."""

    share: float
    """0..1, of all rows."""
    rows: int
    besides: float | None = None
    """0..1, of the rows in which either side answers another class than the most common one; None where no class is
    that common, or the source answers no other."""
    besides_rows: int = 0


def agreement(expected: Array, found: Array, axis: int) -> Agreement:
    """Of the classes along `axis`, in every row, step or pixel.

    Args:
        expected: [samples, ...], of the source.
        found: the same shape, of the file.
        axis: negative.
    """
    scores, others = (_rows(array, axis) for array in (expected, found))
    right = scores.argmax(axis=1)
    answered = others.argmax(axis=1)
    return _counted(_same(scores, answered), right, answered)


def equal_numbers(expected: Array, found: Array) -> Agreement:
    """Of arrays that hold numbers of classes."""
    right, answered = expected.reshape(-1), found.reshape(-1)
    _, numbers = np.unique(np.concatenate([right, answered]), return_inverse=True)
    return _counted(right == answered, numbers[: right.size], numbers[right.size :])


def top1_agreement(expected: Array, found: Array) -> float:
    """Share of rows with the same best column; where `expected` has several best, any of them is the same."""
    return agreement(expected, found, -1).share


def _rows(array: Array, axis: int) -> Array:
    """[rows, classes]; what is NaN never wins."""
    rows = np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])
    return (
        np.where(np.isnan(rows), -np.inf, rows) if rows.dtype.kind == "f" and np.isnan(rows).any() else rows
    )


def _same(scores: Array, answered: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Whether each answer has the best score: the very number, or one that differs by rounding alone."""
    best = scores.max(axis=1)
    picked = np.take_along_axis(scores, answered[:, None], axis=1)[:, 0]
    same: npt.NDArray[np.bool_] = picked == best
    unsure = ~same & np.isfinite(best) & np.isfinite(picked)
    if scores.dtype.kind == "f" and unsure.any():
        usual = float(np.median(np.abs(best[np.isfinite(best)])))
        top = best[unsure].astype(np.float64)
        same[unsure] = top - picked[unsure] <= ROUNDING * np.maximum(np.abs(top), usual)
    return same


def _counted(
    same: npt.NDArray[np.bool_], right: npt.NDArray[np.integer[Any]], answered: npt.NDArray[np.integer[Any]]
) -> Agreement:
    share, rows = float(same.mean()), same.size
    common = int(np.bincount(right).argmax())
    besides = (right != common) | (answered != common)
    usual = float(np.mean(right == common))
    if usual <= COMMON or usual == 1.0:
        return Agreement(share, rows)
    return Agreement(share, rows, float(same[besides].mean()), int(besides.sum()))
