"""The 256-entry table that normalises and quantizes a pixel in one look-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import ImageRecipe
from edgemm.errors import CardError
from edgemm.opencv import opencv
from edgemm.tensors import TensorSpec

Planes = Sequence[npt.NDArray[np.uint8]]

TENSOR_TYPES = ("float32", "int8", "uint8")
"""Types of an input tensor that pictures can be written into."""

SMALLEST = 1e-12
"""A deviation nearer to 0 is an error in the card; so is any number larger than the inverse."""


def pixel_table(recipe: ImageRecipe, spec: TensorSpec, channels: int) -> npt.NDArray[Any]:
    """What each pixel value 0..255 is in the tensor: `spec.quantize((p * scale - mean) / std)` in float32.

    Returns:
        spec.dtype[256], or spec.dtype[256, channels] when the channels differ.

    Raises:
        CardError: mean or std do not fit the channels or are no usable numbers, or the tensor's type is
            none that pixels can be written into.
    """
    if spec.dtype not in TENSOR_TYPES:
        raise CardError(
            f"input {spec.name!r}: a picture needs a tensor of {', '.join(TENSOR_TYPES)}; found {spec.dtype}"
        )
    scale = _numbers("scale", (recipe.scale,), 1)
    mean, std = _numbers("mean", recipe.mean, channels), _numbers("std", recipe.std, channels)
    if not (np.abs(std) >= SMALLEST).all():
        raise CardError(f"image.std: expected numbers that are not 0, found {recipe.std}")
    pixels = np.arange(256, dtype=np.float32)[:, None]
    real = (pixels * scale - mean) / std
    _check_plain_integers(real, spec)
    table = spec.quantize(real)
    return np.ascontiguousarray(table[:, 0] if (table == table[:, :1]).all() else table)


class TableWriter:
    """Pixels into the tensor through the table; channels last, or as planes."""

    def __init__(self, table: npt.NDArray[Any], channels: int, *, planar: bool) -> None:
        self._cv = opencv()
        self._channels, self._planar = channels, planar
        self._table = table
        columns = np.broadcast_to(table.reshape(256, -1), (256, channels))
        self._plane_tables = tuple(np.ascontiguousarray(columns[:, c]) for c in range(channels))
        self._joint_table = table if table.ndim == 1 else table[None]
        self._identity = table.dtype == np.uint8 and bool((columns == np.arange(256)[:, None]).all())

    def write(
        self, picture: npt.NDArray[np.uint8], planes: Planes, view: npt.NDArray[Any], *, flip: bool
    ) -> None:
        """Writes one picture.

        Args:
            picture: uint8[h, w] or uint8[h, w, 3].
            planes: scratch, three times uint8[h, w]; for a coloured picture and a planar tensor.
            view: the tensor's [h, w, channels] that the picture covers.
            flip: the picture's channels are in the opposite order to the tensor's (planar only).
        """
        if picture.ndim == 2:
            for c, table in enumerate(self._plane_tables):
                self._look_up(picture, table, view[:, :, c])
        elif self._planar:
            parts = self._cv.split(picture, planes)
            for c, part in enumerate(reversed(parts) if flip else parts):
                self._look_up(part, self._plane_tables[c], view[:, :, c])
        else:
            self._look_up(picture, self._joint_table, view)

    def border(self, level: int, height: int, width: int) -> npt.NDArray[Any]:
        """[height, width, channels] of one grey level as the tensor stores it, in the tensor's own order."""
        values = [table[level] for table in self._plane_tables]
        if self._planar:
            planes = np.empty((self._channels, height, width), self._table.dtype)
            planes[...] = np.reshape(values, (-1, 1, 1))
            return planes.transpose(1, 2, 0)
        return np.full((height, width, self._channels), values, self._table.dtype)

    def _look_up(
        self, picture: npt.NDArray[np.uint8], table: npt.NDArray[Any], target: npt.NDArray[Any]
    ) -> None:
        if self._identity:
            np.copyto(target, picture)
            return
        written = self._cv.LUT(picture, table, dst=target)
        if written is not target:  # OpenCV made its own memory: the target's strides did not suit it
            np.copyto(target, written)


def _numbers(key: str, values: tuple[float, ...], channels: int) -> npt.NDArray[np.float32]:
    """float32[1] or float32[channels]."""
    numbers = np.asarray(values, np.float64).reshape(-1)
    if len(numbers) not in (1, channels):
        raise CardError(
            f"image.{key}: expected 1 number or {channels}, one per channel; found {len(numbers)}"
        )
    if not (np.abs(numbers) <= 1 / SMALLEST).all():
        raise CardError(f"image.{key}: expected finite numbers, found {values}")
    return numbers.astype(np.float32)


def _check_plain_integers(real: npt.NDArray[np.float32], spec: TensorSpec) -> None:
    """An integer tensor without a scale holds just the number: fractions or overflow would be lost."""
    if spec.quantized or spec.dtype == "float32":
        return
    info = np.iinfo(spec.dtype)
    if (real != np.rint(real)).any() or real.min() < info.min or real.max() > info.max:
        raise CardError(
            f"input {spec.name!r} is {spec.dtype} without a quantization scale, but the card's scale, mean and "
            f"std give values from {real.min():g} to {real.max():g}. Use scale 1, mean 0, std 1 for raw pixels"
        )
