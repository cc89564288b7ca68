"""A threshold on real numbers, moved to the numbers that a file stores."""

from __future__ import annotations

import math

import numpy as np

from edgemm.tensors import TensorSpec


def as_logit(threshold: float) -> float:
    """The number whose sigmoid is `threshold`; infinite for 0 and 1."""
    if threshold <= 0.0:
        return -math.inf
    return math.inf if threshold >= 1.0 else math.log(threshold / (1.0 - threshold))


def stored_threshold(spec: TensorSpec, threshold: float) -> float:
    """The smallest stored number whose real value, in float32, reaches the threshold.

    Returns:
        For quantized integers a whole number; one above the largest that the type holds where none reaches the
        threshold. For others, the threshold itself.
    """
    if not spec.quantized:
        return float(np.float32(threshold))
    info = np.iinfo(spec.dtype)
    wanted = np.float32(threshold)
    guess = threshold / spec.scale + spec.zero_point
    stored = int(min(max(guess, info.min - 1), info.max + 1)) if math.isfinite(guess) else _end(guess, info)
    while stored > info.min and _real(spec, stored - 1) >= wanted:
        stored -= 1
    while stored <= info.max and _real(spec, stored) < wanted:
        stored += 1
    return max(stored, int(info.min))


def between_stored(spec: TensorSpec, threshold: float) -> float:
    """The threshold in the unit of the stored numbers, not rounded: for numbers interpolated between them."""
    return threshold / spec.scale + spec.zero_point if spec.quantized else threshold


def _end(guess: float, info: np.iinfo) -> int:
    return int(info.max) + 1 if guess > 0 else int(info.min)


def _real(spec: TensorSpec, stored: int) -> np.float32:
    return np.float32(stored - spec.zero_point) * np.float32(spec.scale)
