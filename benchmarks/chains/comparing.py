"""How far two ways of following somebody through a clip are apart, and how soon one finds what was lost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def errors(found: Sequence[Any], expected: Sequence[Any], *, square: bool = False) -> list[float]:
    """For each frame in which both have points: their mean distance, in sides of the box around the expected ones.

    Args:
        square: the side is that of a square of the box's area; False: the longer side of the box.
    """
    shares = []
    for one, other in zip(found, expected, strict=True):
        if one is None or other is None:
            continue
        points = np.asarray(other, np.float64)
        wide, high = np.ptp(points, axis=0).tolist()
        side = math.sqrt(wide * high) if square else max(wide, high)
        shares.append(float(np.linalg.norm(one - points, axis=1).mean()) / side)
    return shares


def agreeing(found: Sequence[Any], expected: Sequence[Any]) -> float:
    """Share of the frames in which both have points, or neither has."""
    return float(
        np.mean([(one is None) == (other is None) for one, other in zip(found, expected, strict=True)])
    )


def frames_lost(found: Sequence[Any], begins: Sequence[int]) -> int:
    """Most frames that pass after one of these until there are points again; all that are left where there are none."""
    return max(
        next((at for at, points in enumerate(found[begin:]) if points is not None), len(found) - begin)
        for begin in begins
    )
