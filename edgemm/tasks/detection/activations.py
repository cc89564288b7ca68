"""What makes probabilities of the numbers that a model gives as scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_ONE = np.float32(1)
_SATURATED = 89.0
"""From here on exp(x) is infinite in float32, and 1 + exp(-x) is 1: cutting x there changes nothing."""


def sigmoid(clip: float = 0.0) -> Callable[[Array], Array]:
    """1 / (1 + exp(-x)) in float32, x cut to -clip..clip first where `clip` is not 0.

    exp of a large number is infinite, and 1 / infinity is 0: call it where NumPy does not warn of overflow.
    """
    limit = np.float32(clip)

    def apply(numbers: Array) -> Array:
        powers = np.negative(numbers, dtype=np.float32)
        if 0 < clip < _SATURATED:
            np.minimum(np.maximum(powers, -limit, out=powers), limit, out=powers)
        np.exp(powers, out=powers)
        powers += _ONE
        return np.divide(_ONE, powers, out=powers)

    return apply


def softmax(numbers: Array) -> Array:
    """exp(x) / sum(exp(x)) over the last axis, in float32."""
    real = np.asarray(numbers, np.float32)
    with np.errstate(invalid="ignore"):  # infinity less infinity is NaN, which the caller refuses
        powers = np.exp(real - real.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def activation(name: str, clip: float) -> Callable[[Array], Array] | None:
    """Of a recipe, for each number by itself; None where the numbers are used as they are, or for softmax."""
    return sigmoid(clip) if name == "sigmoid" else None
