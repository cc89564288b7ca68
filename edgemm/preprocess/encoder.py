"""Quantizes real numbers into a tensor, without allocating."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.tensors import TensorSpec, integer_limits


class Encoder:
    """`TensorSpec.quantize` into memory that the caller owns; the same numbers, bit for bit."""

    def __init__(self, spec: TensorSpec, capacity: int) -> None:
        self._quantized = spec.quantized
        self._scale, self._zero_point = np.float32(spec.scale), np.float32(spec.zero_point)
        if spec.quantized:
            self._low, self._high = integer_limits(spec.dtype)
        self._steps = np.empty(capacity if spec.quantized else 0, np.float32)

    def write(self, real: npt.NDArray[np.float32], out: npt.NDArray[Any]) -> None:
        """Writes float32[n], n up to the capacity, into `out` of the tensor's type, [n]."""
        if not self._quantized:
            out[...] = real
            return
        steps = self._steps[: len(real)]
        np.divide(real, self._scale, out=steps)
        np.rint(steps, out=steps)
        steps += self._zero_point
        np.maximum(steps, self._low, out=steps)
        np.minimum(steps, self._high, out=steps)
        np.copyto(out, steps, casting="unsafe")
