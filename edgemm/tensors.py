"""The description of a model's input or output tensor, and its quantization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, shape and type of one input or output of a model."""

    name: str
    shape: tuple[int, ...]
    """-1 for a dimension that the file leaves open."""
    dtype: str
    """numpy name: "float32", "int8", "uint8", "int32", "int64", "bool"."""
    scale: float = 0.0
    """Real value = (stored - zero_point) * scale; 0.0 when the tensor is not quantized."""
    zero_point: int = 0

    @property
    def quantized(self) -> bool:
        """True when the stored integers stand for real numbers."""
        return self.scale != 0.0

    def quantize(self, real: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Real numbers -> stored integers (round half to even, saturated)."""
        if not self.quantized:
            return np.asarray(real, dtype=self.dtype)
        info = np.iinfo(self.dtype)
        with np.errstate(over="ignore"):  # a mask's -3.4e38: infinite, and then the smallest that is stored
            steps = np.rint(np.asarray(real, np.float32) / np.float32(self.scale)) + self.zero_point
        stored: npt.NDArray[Any] = np.clip(steps, info.min, info.max).astype(self.dtype)
        return stored

    def dequantize(self, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Stored integers -> float32; an unquantized tensor comes back as it is."""
        if not self.quantized:
            return stored
        real: npt.NDArray[Any] = (stored.astype(np.float32) - np.float32(self.zero_point)) * np.float32(
            self.scale
        )
        return real
