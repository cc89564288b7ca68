"""How far a figure of few samples may be from that of all: confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError

CONFIDENCE = 0.95
"""Of every interval here: so many of a hundred such intervals hold the figure of all."""
RESAMPLES = 1000
_Z = 1.959963984540054
"""Standard deviations of the normal distribution around its middle that hold 95 %."""
_CELLS = 1 << 20
"""Draws in memory at once."""


def wilson(right: float, samples: float) -> tuple[float, float]:
    """Of a share, by the score of Wilson (1927): right for few samples, and for shares near 0 or 1.

    Args:
        right: of the samples, 0 or more.
        samples: 1 or more.

    Returns:
        The lower and the upper end, 0..1.

    Raises:
        InputError: there are no samples, or more right ones than samples.
    """
    if not 0 <= right <= samples or not samples:
        raise InputError(f"interval: expected 0 to {samples} right ones of 1 or more samples, found {right}")
    share, square = right / samples, _Z * _Z
    middle = (share + square / (2 * samples)) / (1 + square / samples)
    half = _Z / (1 + square / samples)
    half *= math.sqrt(share * (1 - share) / samples + square / (4 * samples * samples))
    return (0.0 if not right else middle - half), (1.0 if right == samples else middle + half)


def bootstrap(
    samples: int, value: Callable[[npt.NDArray[np.int64]], float], seed: int, resamples: int = RESAMPLES
) -> tuple[float, float] | None:
    """Of any figure, by drawing as many samples as there are, with replacement (Efron 1979): the percentiles between
    which 95 % of the figures lie.

    Args:
        value: int64[samples], how often each sample was drawn -> the figure; NaN where it shows nothing.
        seed: the same gives the same interval.

    Returns:
        The lower and the upper end; None where there are fewer than two samples, or half of the draws show nothing.
    """
    if samples < 2:
        return None
    figures = np.array([value(each) for each in _draws(samples, seed, resamples)])
    known = figures[np.isfinite(figures)]
    if 2 * len(known) < len(figures):
        return None
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(known, (tail, 100 - tail))
    return float(low), float(high)


def _draws(samples: int, seed: int, resamples: int) -> Iterator[npt.NDArray[np.int64]]:
    rng = np.random.default_rng([seed, samples])
    block = max(1, _CELLS // samples)
    for begin in range(0, resamples, block):
        count = min(block, resamples - begin)
        drawn = rng.integers(0, samples, (count, samples))
        yield from (np.bincount(each, minlength=samples) for each in drawn)
