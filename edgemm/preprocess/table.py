"""The 256-entry table that normalises and quantizes a pixel in one look-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import ImageRecipe
from edgemm.errors import CardError
from edgemm.opencv import opencv
from edgemm.preprocess.straight_table import straight
from edgemm.tensors import TensorSpec

TENSOR_TYPES = ("float32", "int8", "uint8")
"""Types of an input tensor that pictures can be written into."""

LARGEST_STRAIGHT = 1 << 21
"""Numbers of a tensor, or of a plane. Above, three passes over the memory take longer than one look-up."""

SMALLEST = 1e-12
"""A standard deviation (`std`) closer to 0 is an error in the card, and so is any number above 1 / SMALLEST."""


@dataclass(frozen=True, slots=True, eq=False)
class Scratch:
    """Memory for the planes of one picture, between the picture and the tensor."""

    planes: Sequence[npt.NDArray[np.uint8]]
    """uint8[h, w] each: the picture split."""
    stored: Sequence[npt.NDArray[Any]]
    """[h, w] each, of the tensor's type; empty when planes are written into the tensor directly."""


def pixel_table(recipe: ImageRecipe, spec: TensorSpec, channels: int) -> npt.NDArray[Any]:
    """What each pixel value 0..255 is in the tensor: `spec.quantize((p * scale - mean) / std)` in float32.

    Returns:
        spec.dtype[256], or spec.dtype[256, channels] when the channels differ.

    Raises:
        CardError: mean or std have neither one number nor one per channel, or are not usable numbers; or
            pixels cannot be written into a tensor of this type.
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
    """Pixels into the tensor through the table.

    Coloured pictures are looked up plane by plane where the tensor is planar, and where the channels have
    a table each: OpenCV looks up a plane twice as fast as it does interleaved channels that differ. A table of float32
    that is a straight line is computed instead, in three quarters of the time, unless the tensor is too large for the
    processor's caches. Bytes that are the pixel's with some bits turned over, as int8 of 0..1 is with its highest,
    are written by that alone, in a tenth of the time of a look-up.
    """

    def __init__(self, table: npt.NDArray[Any], channels: int, *, planar: bool) -> None:
        self._cv = opencv()
        self._planar = planar
        columns = np.broadcast_to(table.reshape(256, -1), (256, channels))
        self._tables = tuple(np.ascontiguousarray(columns[:, c]) for c in range(channels))
        self._straight = tuple(straight(each) for each in self._tables)
        self.turned = _turned_bits(columns)
        """The bits of a pixel's byte that are turned over in the tensor, 0 for none; None where that is not all."""
        self.by_plane = channels > 1 and (planar or table.ndim > 1)

    def scratch(self, rows: int, columns: int) -> Scratch:
        """Memory for pictures of one size."""
        count = len(self._tables) if self.by_plane else 0
        merged = 0 if self._planar else count
        return Scratch(
            [np.empty((rows, columns), np.uint8) for _ in range(count)],
            [np.empty((rows, columns), self._tables[0].dtype) for _ in range(merged)],
        )

    def write(
        self, picture: npt.NDArray[np.uint8], scratch: Scratch, view: npt.NDArray[Any], *, flip: bool
    ) -> None:
        """Writes one picture.

        Args:
            picture: uint8[h, w], which goes into each channel when `by_plane`, or uint8[h, w, 3].
            scratch: for this h and w.
            view: the tensor's [h, w, channels] that the picture covers.
            flip: the picture's channels are in the opposite order to the tensor's; only when `by_plane`.
        """
        if not self.by_plane:
            self._look_up(picture, 0, view if picture.ndim == 3 else view[:, :, 0])
            return
        planes = [picture] * 3 if picture.ndim == 2 else self._cv.split(picture, scratch.planes)
        targets = scratch.stored or [view[:, :, c] for c in range(3)]
        for channel, (plane, target) in enumerate(
            zip(planes[::-1] if flip else planes, targets, strict=True)
        ):
            self._look_up(plane, channel, target)
        if scratch.stored:
            keep(self._cv.merge(scratch.stored, dst=view), view)

    def border(self, level: int, height: int, width: int) -> npt.NDArray[Any]:
        """[height, width, channels] of one grey level as the tensor stores it, in the tensor's own order; or [], where
        all channels store it alike."""
        values = np.array([table[level] for table in self._tables])
        if (values == values[0]).all():
            return np.asarray(values[0])
        if self._planar:
            planes = np.empty((len(values), height, width), values.dtype)
            planes[...] = values[:, None, None]
            return planes.transpose(1, 2, 0)
        return np.full((height, width, len(values)), values, values.dtype)

    def _look_up(self, picture: npt.NDArray[np.uint8], channel: int, target: npt.NDArray[Any]) -> None:
        line = self._straight[channel]
        if line is not None and target.size <= LARGEST_STRAIGHT:
            line.write(picture, target)
        elif self.turned == 0:
            np.copyto(target.view(np.uint8), picture)
        elif self.turned is not None:
            np.bitwise_xor(picture, self.turned, out=target.view(np.uint8))
        else:
            keep(self._cv.LUT(picture, self._tables[channel], dst=target), target)


def _turned_bits(columns: npt.NDArray[Any]) -> np.uint8 | None:
    """Of a table with a column for each channel."""
    if columns.dtype.itemsize != 1:
        return None
    stored = np.ascontiguousarray(columns).view(np.uint8)
    turned = stored[0, 0]
    pixels = np.arange(256, dtype=np.uint8)
    return turned if (stored == (pixels ^ turned)[:, None]).all() else None


def keep(written: npt.NDArray[Any], target: npt.NDArray[Any]) -> None:
    """Puts what was written into `target`: OpenCV makes an array of its own where it cannot write with the
    strides of `target`."""
    if written is not target:
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
    """Refuses fractions and overflow for an integer tensor without a scale, which would lose them."""
    if spec.quantized or spec.dtype == "float32":
        return
    info = np.iinfo(spec.dtype)
    if (real != np.rint(real)).any() or real.min() < info.min or real.max() > info.max:
        raise CardError(
            f"input {spec.name!r} is {spec.dtype} without a quantization scale, but the card's scale, mean and "
            f"std give values from {real.min():g} to {real.max():g}. Use scale 1, mean 0, std 1 for raw pixels"
        )
