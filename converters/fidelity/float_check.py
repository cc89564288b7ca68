"""How much a float file may differ from its source before that counts as a bug in the converter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.converters.fidelity.finite import wrongly_infinite

Array = npt.NDArray[Any]

MAX_FLOAT_ERROR = 1e-4
"""Of the output's range."""
SELF_DIFFERENCE = 4.0
"""Times what the source differs from itself: another runtime sums in yet another order."""
MAX_TOLERANCE = 1e-2
"""Of the range, however much the source differs from itself."""


def worst_error(truth: Array, found: Array) -> tuple[float, float]:
    """Largest absolute difference, and the range of the truth (never 0).

    What is the same infinity, or NaN, on both sides is equal. What is not finite on one side alone, or another
    infinity, is infinitely wrong.
    """
    expected, other = truth.astype(np.float64), found.astype(np.float64)
    usable = np.isfinite(expected) & np.isfinite(other)
    wrong = bool(wrongly_infinite(expected, other).any())
    if not usable.any():
        return (math.inf if wrong else 0.0), 1.0
    known = expected[usable]
    spread = float(np.ptp(known)) or max(abs(float(known.max())), 1e-6)
    return (math.inf if wrong else float(np.abs(known - other[usable]).max())), spread


def float_tolerance(optimized: Array, plain: Array) -> float:
    """What a float file may differ by, in the output's own unit.

    Args:
        optimized: what the source answers, [samples, ...].
        plain: the same, by the same runtime without its optimizations.
    """
    error, spread = worst_error(plain, optimized)
    if not math.isfinite(error):  # the runtime itself is not sure of what is infinite; the rest tells
        same = np.isfinite(optimized) & np.isfinite(plain)
        error = worst_error(plain[same], optimized[same])[0]
    return min(max(MAX_FLOAT_ERROR * spread, SELF_DIFFERENCE * error), MAX_TOLERANCE * spread)
