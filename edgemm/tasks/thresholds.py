"""A threshold on real numbers, moved to what a file stores: compared there, nothing need be dequantized."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.tensors import TensorSpec

Array = npt.NDArray[Any]


def stored_threshold(
    spec: TensorSpec, threshold: float, activation: Callable[[Array], Array] | None = None
) -> Any:
    """The smallest stored value that stands for a number of at least `threshold`.

    Exactly: `stored >= stored_threshold(spec, t)` wherever `activation(spec.dequantize(stored)) >= float32(t)`, for
    every value that the tensor's type holds. (NaN is never at least anything.)

    Args:
        spec: of the stored tensor: integers with a scale, or floats.
        threshold: compared as float32, as scores are.
        activation: a function that never falls, such as a sigmoid, applied to the dequantized numbers first.

    Returns:
        A scalar of the tensor's type; None where no value reaches the threshold.
    """
    domain = _Integers(spec.dtype) if np.dtype(spec.dtype).kind in "iu" else _Floats(spec.dtype)
    limit = np.float32(threshold)

    def reaches(place: int) -> bool:
        stored = domain.value(place)
        real = spec.dequantize(stored.reshape(1))
        with np.errstate(over="ignore"):
            return bool((real if activation is None else activation(real))[0] >= limit)

    low, high = domain.first, domain.last  # the answer lies in low..high, if any value reaches the threshold
    if not reaches(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle + 1, high)
    return domain.value(low)


class _Integers:
    """All values of an integer type, in their order."""

    def __init__(self, dtype: str) -> None:
        info = np.iinfo(dtype)
        self.first, self.last, self._type = int(info.min), int(info.max), np.dtype(dtype).type

    def value(self, place: int) -> Any:
        return np.asarray(self._type(place))[()]


class _Floats:
    """All values of a float type from -infinity to infinity, in their order: their bits, counted from zero."""

    def __init__(self, dtype: str) -> None:
        self._type = np.dtype(dtype)
        self._bits = np.dtype(f"i{self._type.itemsize}")
        self.last = int(np.asarray(np.inf, self._type).view(self._bits))
        self.first = -self.last

    def value(self, place: int) -> Any:
        size = np.asarray(abs(place), self._bits).view(self._type)
        return np.asarray(-size if place < 0 else size, self._type)[()]
