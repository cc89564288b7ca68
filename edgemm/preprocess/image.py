"""Pictures to input tensors: colour, resize, then normalise and quantize in one table look-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from edgemm.card import ImageRecipe, InputCard
from edgemm.errors import CardError, InputError
from edgemm.media import Color
from edgemm.preprocess.placement import RESIZES, Placement, letterbox_scale, place
from edgemm.preprocess.region_sampler import RegionSampler, whole_view
from edgemm.preprocess.sampler import INTERPOLATIONS, PictureSampler
from edgemm.preprocess.table import Scratch, TableWriter, keep, pixel_table
from edgemm.preprocess.view import Region, View
from edgemm.tensors import TensorSpec

COLORS: tuple[str, ...] = get_args(Color)
_UINT8 = np.dtype(np.uint8)
MAX_SIDE = 16384
"""Pixels. A card that asks for a larger picture is refused."""


def compile_image(card: InputCard, spec: TensorSpec) -> ImagePreprocessor:
    """The card's picture recipe as a function that writes the input tensor.

    Args:
        card: with `image`, and `layout` "NHWC" or "NCHW".
        spec: of the tensor: [1, H, W, C] or [1, C, H, W], C = 3, or 1 for grey; float32, int8 or uint8.

    Raises:
        CardError: the card has no picture recipe, or one that does not fit the tensor.
        MissingDependency: OpenCV is not installed.
    """
    if card.image is None:
        raise CardError(f"input {card.name!r}: expected a card with `image`, found none")
    _check_recipe(card.image)
    return ImagePreprocessor(card.image, card.layout, spec)


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """What is computed once for all pictures of one size and colour."""

    area: tuple[slice, slice]
    """Rows and columns of the tensor that the picture covers."""
    to_source: npt.NDArray[np.float64]
    """See `Placement.to_source`."""
    sample: PictureSampler
    flip: bool
    """The sampled picture has its channels in the opposite order to the tensor's."""
    straight: bool
    """The last step of sampling writes into the tensor."""
    scratch: Scratch
    borders: tuple[tuple[tuple[slice, slice], npt.NDArray[Any]], ...]
    """Rows and columns of the tensor outside the picture, and what is written there: [rows, columns, channels], as the
    tensor stores it, or [] where all of it is one number."""


class ImagePreprocessor:
    """One recipe for one tensor: `preprocessor(pixels, color, out)`.

    Keeps scratch memory for pictures of the last size and colour seen. For one thread at a time.
    """

    def __init__(self, recipe: ImageRecipe, layout: str, spec: TensorSpec) -> None:
        self._recipe, self._spec = recipe, spec
        self._dtype = np.dtype(spec.dtype)
        self._size_wh, channels = _picture_size(recipe, layout, spec)
        self._planar, self._gray = layout == "NCHW", channels == 1
        self._writer = TableWriter(pixel_table(recipe, spec, channels), channels, planar=self._planar)
        self._key: tuple[tuple[int, ...], str] | None = None
        self._steps: _Steps
        self._regions: dict[str, tuple[RegionSampler, Scratch]] = {}

    def __call__(self, pixels: npt.NDArray[np.uint8], color: Color, out: npt.NDArray[Any]) -> None:
        """Writes `pixels` into `out`, every element of it.

        Args:
            pixels: uint8[height, width, 3], or uint8[height, width] when `color` is "gray". Not changed.
            color: order of the channels in `pixels`: "rgb", "bgr" or "gray".
            out: the input tensor, of the spec's shape and type, C-contiguous.

        Raises:
            InputError: `pixels`, `color` or `out` do not fit this description.
        """
        if (pixels.shape, color) != self._key or pixels.dtype != _UINT8:
            pixels = checked_picture(pixels, color)
            if (pixels.shape, color) != self._key:
                self._steps = self._plan(pixels.shape, color)
                self._key = pixels.shape, color
        self._check_out(out)
        steps = self._steps
        view = out[0].transpose(1, 2, 0) if self._planar else out[0]
        for strip, border in steps.borders:
            view[strip] = border
        shown = view[steps.area]
        if steps.straight:
            self._sample_into(shown, steps, pixels)
        else:
            self._writer.write(steps.sample(pixels), steps.scratch, shown, flip=steps.flip)

    def _sample_into(self, shown: npt.NDArray[Any], steps: _Steps, pixels: npt.NDArray[np.uint8]) -> None:
        """Bytes that are the pixels' but for some bits: nothing lies between the picture and the tensor."""
        stored = shown.view(np.uint8)
        if self._gray:
            stored = stored[:, :, 0]
        keep(steps.sample(pixels, stored), stored)
        if turned := self._writer.turned:
            np.bitwise_xor(stored, turned, out=stored)

    def look(
        self, pixels: npt.NDArray[np.uint8], color: Color, region: Region, out: npt.NDArray[Any]
    ) -> View:
        """Writes a part of `pixels` into `out`, every element of it, sampled from the picture directly.

        How the region fills the tensor is the card's `resize`, as if it were a picture of its own: "letterbox" shows
        more of the picture on two sides instead of a border. What lies beyond the picture is the border's grey with
        "letterbox", else the picture's edge goes on.

        Args:
            pixels: as for a whole picture.
            color: as for a whole picture.
            region: in pixels of the picture; may reach beyond it.
            out: the input tensor.

        Returns:
            What the tensor shows.

        Raises:
            InputError: as for a whole picture; or the region is nowhere, or has no size.
        """
        picture = checked_picture(pixels, color)
        self._check_out(out)
        view = whole_view(self._recipe, region, self._size_wh)
        by_plane, wanted = self._writer.by_plane, self._recipe.color
        if color not in self._regions:
            width, height = self._size_wh
            target = color if by_plane else wanted
            sampler = RegionSampler(self._recipe, self._size_wh, color, target)
            self._regions[color] = sampler, self._writer.scratch(height, width)
        sample, scratch = self._regions[color]
        tensor = out[0].transpose(1, 2, 0) if self._planar else out[0]
        self._writer.write(sample(picture, view), scratch, tensor, flip=by_plane and color != wanted)
        return view

    @property
    def size_wh(self) -> tuple[int, int]:
        """Pixels of the tensor."""
        return self._size_wh

    @property
    def to_source(self) -> npt.NDArray[np.float64]:
        """Of the picture that was written last: see `Placement.to_source`. Not to be written to."""
        return self._steps.to_source

    def placement(self, shape: tuple[int, ...]) -> Placement:
        """Where a picture of `shape` (height, width, ...) is placed in the tensor.

        Raises:
            InputError: `resize` is "none" and the picture is not of the tensor's size.
        """
        return place(self._recipe, (shape[1], shape[0]), self._size_wh)

    def letterbox(self, shape: tuple[int, ...]) -> tuple[float, int, int]:
        """For decoding boxes: tensor pixels per source pixel, then the width of the left border and of the top border.

        `placement` gives the exact scale of each axis, which rounding to whole pixels changes a little.

        Raises:
            InputError: the card's `resize` is not "letterbox".
        """
        if self._recipe.resize != "letterbox":
            raise InputError(f'expected a card with resize "letterbox", found "{self._recipe.resize}"')
        at = self.placement(shape)
        return letterbox_scale(at.source_wh, at.size_wh), at.left, at.top

    def _plan(self, shape: tuple[int, ...], color: Color) -> _Steps:
        at = self.placement(shape)
        wanted = self._recipe.color
        by_plane = self._writer.by_plane
        target = color if by_plane else wanted  # planes are ordered, or repeated, while they are written
        (width, height), (columns, rows) = self._size_wh, at.shown_wh
        strips = _around(at)
        border = self._writer.border(self._recipe.pad_value, height, width) if strips else np.empty(0)
        sample = PictureSampler(self._recipe, at, color, target)
        straight = not by_plane and self._writer.turned is not None and sample.ends_in_memory
        return _Steps(
            area=at.area,
            to_source=at.to_source,
            sample=sample,
            flip=by_plane and color != wanted,
            straight=straight,
            scratch=self._writer.scratch(rows, columns),
            borders=tuple((strip, border[strip] if border.ndim else border) for strip in strips),
        )

    def _check_out(self, out: npt.NDArray[Any]) -> None:
        spec = self._spec
        if out.shape != spec.shape or out.dtype != self._dtype or not out.flags.c_contiguous:
            raise InputError(
                f"out: expected a C-contiguous array {spec.dtype}{list(spec.shape)}, found "
                f"{out.dtype}{list(out.shape)}{'' if out.flags.c_contiguous else ', not contiguous'}"
            )


def _around(at: Placement) -> tuple[tuple[slice, slice], ...]:
    """The parts of the tensor outside the picture: above, below, left, right, as far as there are any."""
    rows, columns = at.area
    width, height = at.size_wh
    strips = (
        (slice(0, rows.start), slice(0, width)),
        (slice(rows.stop, height), slice(0, width)),
        (rows, slice(0, columns.start)),
        (rows, slice(columns.stop, width)),
    )
    return tuple(strip for strip in strips if all(part.start < part.stop for part in strip))


def _check_recipe(recipe: ImageRecipe) -> None:
    allowed = (("color", COLORS), ("resize", RESIZES), ("interpolation", tuple(INTERPOLATIONS)))
    for key, words in allowed:
        if getattr(recipe, key) not in words:
            raise CardError(
                f"image.{key}: expected one of {', '.join(words)}; found {getattr(recipe, key)!r}"
            )
    if recipe.interpolation == "mediapipe" and recipe.resize == "center-crop":
        raise CardError('image.interpolation: "mediapipe" does not fit resize "center-crop". Take "linear"')
    for key, most in (("pad_value", 255), ("resize_short", MAX_SIDE)):
        if not 0 <= getattr(recipe, key) <= most:
            raise CardError(f"image.{key}: expected 0 to {most}, found {getattr(recipe, key)}")


def _picture_size(recipe: ImageRecipe, layout: str, spec: TensorSpec) -> tuple[tuple[int, int], int]:
    """(width, height) and the number of channels of the tensor."""
    if layout not in ("NHWC", "NCHW"):
        raise CardError(f"input {spec.name!r}: expected layout NHWC or NCHW in the card, found {layout!r}")
    channels = 1 if recipe.color == "gray" else 3
    shape = spec.shape
    if len(shape) == 4:
        height, width, depth = shape[1:] if layout == "NHWC" else (shape[2], shape[3], shape[1])
        if shape[0] == 1 and depth == channels and 0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE:
            return (width, height), channels
    expected = f"[1, H, W, {channels}]" if layout == "NHWC" else f"[1, {channels}, H, W]"
    raise CardError(
        f"input {spec.name!r}: layout {layout} and color {recipe.color} need a tensor {expected}, "
        f"found {list(shape)}"
    )


def checked_picture(pixels: npt.NDArray[np.uint8], color: Color) -> npt.NDArray[np.uint8]:
    """The picture as uint8[h, w, 3], or uint8[h, w] when grey.

    Raises:
        InputError: it is something else, empty, or `color` is no colour.
    """
    if color not in COLORS:
        raise InputError(f"color: expected one of {', '.join(COLORS)}; found {color!r}")
    if color == "gray" and pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    expected = "uint8[height, width]" if color == "gray" else "uint8[height, width, 3]"
    fits = pixels.ndim == 2 if color == "gray" else pixels.ndim == 3 and pixels.shape[2] == 3
    if not fits or pixels.dtype != np.uint8 or not pixels.size:
        raise InputError(
            f"a {color} picture: expected {expected}, found {pixels.dtype}{list(pixels.shape)}"
            + (". Give the pixels as they are, 0 to 255: the card normalises" if fits and pixels.size else "")
        )
    return pixels
