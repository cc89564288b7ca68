"""Signal to noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

BEST_DB = 200.0
"""Of equal arrays; the worst is as far below 0."""


def snr_db(expected: Array, found: Array, *, step: float = 0.0) -> float:
    """10 log10(signal power / error power); 200 for equal arrays. Both are finite.

    Args:
        step: an error of at most this size is none.
    """
    scale = max((float(np.abs(each).max()) for each in (expected, found) if each.size), default=0.0)
    if scale == 0.0:
        return BEST_DB
    signal = noise = 0.0
    for truth, other in zip(
        _rows(expected), _rows(found), strict=True
    ):  # one sample at a time, to save memory
        ideal = truth.astype(np.float64) / scale
        error = other.astype(np.float64) / scale - ideal
        signal += float(np.square(ideal).sum())
        noise += float(
            np.square(error[np.abs(error) > step / scale]).sum() if step else np.square(error).sum()
        )
    return decibels(signal, noise)


def _rows(array: Array) -> Array:
    return array if array.ndim > 1 else array.reshape(1, -1)


def decibels(signal: float, noise: float) -> float:
    """10 log10 of the ratio, within +-200."""
    if noise == 0.0:
        return BEST_DB
    return float(np.clip(10.0 * np.log10(max(signal, 1e-30) / noise), -BEST_DB, BEST_DB))
