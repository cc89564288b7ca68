"""The description of a model's input or output tensor, and its quantization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgemm.errors import InputError
from edgemm.frozen import dataclass

if TYPE_CHECKING:
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
    def open(self) -> bool:
        """True when the file leaves a dimension open."""
        return -1 in self.shape

    def takes(self, shape: tuple[int, ...]) -> bool:
        """True for an array of the tensor's shape, with any size where that is open."""
        return shape == self.shape or (
            self.open
            and len(shape) == len(self.shape)
            and all(own in (-1, size) for own, size in zip(self.shape, shape, strict=True))
        )

    @property
    def quantized(self) -> bool:
        """True when the stored integers stand for real numbers."""
        return self.scale != 0.0

    def quantize(self, real: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Real numbers -> stored integers (round half to even, saturated).

        Raises:
            InputError: NaN, which no integer stands for; or, where the tensor is not quantized, a number that its type
                does not hold.
        """
        if not self.quantized:
            return self._cast(np.asarray(real))
        low, high = integer_limits(self.dtype)
        with np.errstate(over="ignore"):  # a mask's -3.4e38: infinite, and then the smallest that is stored
            steps = np.rint(np.asarray(real, np.float32) / np.float32(self.scale)) + np.float32(
                self.zero_point
            )
        if np.isnan(steps).any():
            raise InputError(
                f"tensor {self.name!r}: expected numbers to be stored as {self.dtype}, found NaN"
            )
        return np.asarray(np.clip(steps, low, high).astype(self.dtype))

    def _cast(self, real: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same numbers in the tensor's own type."""
        wanted = np.dtype(self.dtype)
        if wanted.kind in "iu" and real.dtype.kind == "f" and real.size:
            low, high = float(real.min()), float(real.max())
            limits = np.iinfo(wanted)
            if not limits.min <= low <= high <= limits.max:  # false for NaN
                raise InputError(
                    f"tensor {self.name!r}: expected numbers that {self.dtype} holds, found {low:g} to {high:g}"
                )
        with np.errstate(over="ignore"):  # a double that float32 does not hold becomes infinite
            return real.astype(wanted, copy=False)

    def dequantize(self, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Stored integers -> float32; an unquantized tensor comes back as it is."""
        if not self.quantized:
            return stored
        real = (stored.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)
        return np.asarray(real)


def dequantize_into(spec: TensorSpec, stored: npt.NDArray[Any], real: npt.NDArray[np.float32]) -> None:
    """`spec.dequantize` of a quantized tensor without new memory, bit for bit the same.

    Args:
        real: float32 of the shape of `stored`; written over.
    """
    np.subtract(stored, spec.zero_point, out=real, dtype=np.float32, casting="same_kind")
    np.multiply(real, np.float32(spec.scale), out=real)


def integer_limits(dtype: str) -> tuple[np.float32, np.float32]:
    """The smallest and the largest float32 that the integer type holds: float32 has no 2147483647."""
    info = np.iinfo(dtype)
    low, high = np.float32(info.min), np.float32(info.max)
    return low, high if int(high) <= info.max else np.nextafter(high, np.float32(0))
