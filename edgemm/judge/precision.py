"""Average precision: the mean of the precision at 101 levels of recall."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RECALLS = np.linspace(0.0, 1.0, 101)


def average_precision(
    right: npt.NDArray[np.bool_], things: int, recalls: npt.NDArray[np.float64] = RECALLS
) -> tuple[float, float]:
    """Of one class at one threshold.

    At each level of recall the best precision at that recall or a higher one counts; 0 where it is not reached.

    Args:
        right: bool[n]: whether each box found a thing, best score first; boxes that count neither way left out.
        things: how many there are to be found, at least 1.

    Returns:
        Average precision and recall, 0..1.
    """
    hits = np.cumsum(right, dtype=np.float64)
    recall = hits / things
    precision = hits / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, recalls, side="left")
    reached = at < len(best)
    values = np.zeros(len(recalls))
    values[reached] = best[at[reached]]
    return float(values.mean()), float(recall[-1]) if len(recall) else 0.0
