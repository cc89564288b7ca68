"""Whether the best class is the same; near-ties count as the same.

What counts as a tie follows from the scores that can win: a class that never comes near the best, whose bias is -3000,
does not make ties of the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

TIE_MARGIN = 0.02
"""Two best classes nearer than this share of the usual distance between scores that can win are a tie."""
REACH = 50.0
"""What is further below the best than this many usual gaps to the second cannot win: it is masked, or far off."""
SCALE_ROWS = 1024
"""Rows, spread evenly, that the distances are taken from."""
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
    that common."""
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
    """Share of rows with the same best column; a near-tie in `expected` counts as the same when `found` picks one of
    the tied."""
    return agreement(expected, found, -1).share


def _rows(array: Array, axis: int) -> Array:
    """[rows, classes]; what is NaN never wins."""
    rows = np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])
    return (
        np.where(np.isnan(rows), -np.inf, rows) if rows.dtype.kind == "f" and np.isnan(rows).any() else rows
    )


def _same(scores: Array, answered: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    best = scores.max(axis=1)
    picked = np.take_along_axis(scores, answered[:, None], axis=1)[:, 0]
    same: npt.NDArray[np.bool_] = picked == best
    unsure = ~same & np.isfinite(best) & np.isfinite(picked)
    same[unsure] = best[unsure].astype(np.float64) - picked[unsure] <= tie_margin(scores)
    return same


def tie_margin(scores: Array) -> float:
    """How near two scores are a tie: TIE_MARGIN of the usual distance between the best score and the others that can
    win.

    Those are of the classes that are among the best two in any row, and no further off than REACH usual gaps; so
    neither a class that never wins nor what a mask put far below widens the margin.

    Args:
        scores: [rows, classes]: logits, probabilities or their logarithms.
    """
    if scores.shape[0] == 0 or scores.shape[1] < 2:
        return 0.0
    chosen = np.unique(np.linspace(0, len(scores) - 1, SCALE_ROWS).astype(int))
    rows = scores[chosen].astype(np.float64)
    two = np.argpartition(rows, -2, axis=1)[:, -2:]
    best = rows.max(axis=1)
    with np.errstate(invalid="ignore"):  # the distance between two infinities
        gaps = _positive(best - np.take_along_axis(rows, two, axis=1).min(axis=1))
        below = _positive((best[:, None] - rows[:, np.unique(two)]).reshape(-1))
    if not gaps.size:
        return 0.0
    near = below[below <= REACH * np.quantile(gaps, 1 / 3)]
    rounding = 4.0 * float(np.finfo(np.float32).eps) * float(np.abs(best[np.isfinite(best)]).max(initial=0.0))
    return max(TIE_MARGIN * float(np.median(near)), rounding)


def _positive(distances: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return distances[np.isfinite(distances) & (distances > 0)]


def _counted(
    same: npt.NDArray[np.bool_], right: npt.NDArray[np.integer[Any]], answered: npt.NDArray[np.integer[Any]]
) -> Agreement:
    share, rows = float(same.mean()), same.size
    common = int(np.bincount(right).argmax())
    besides = (right != common) | (answered != common)
    if float(np.mean(right == common)) <= COMMON or not besides.any():
        return Agreement(share, rows)
    return Agreement(share, rows, float(same[besides].mean()), int(besides.sum()))
