"""Parts of pictures, sampled from the picture directly into memory that is reused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.affine import at_pixel_centers
from edgemm.card import ImageRecipe
from edgemm.errors import InputError
from edgemm.media import Color
from edgemm.opencv import opencv
from edgemm.preprocess.view import Region, View

MAX_SIDE = 32766
"""Pixels of a picture's side: OpenCV keeps places in 16 bits."""
MOST_FINER = 8
"""Interpolation "area": a part is sampled so many times finer at most before it is averaged."""


def whole_view(recipe: ImageRecipe, region: Region, size_wh: tuple[int, int]) -> View:
    """What a tensor of `size_wh` shows of a region, by the card's `resize`.

    stretch, none: the region. letterbox: the region and as much around it as the tensor's shape needs. center-crop: its
    middle, as large a part as of a whole picture.

    Raises:
        InputError: the region is nowhere, or has no size.
    """
    (width, height), (columns, rows) = region.size_wh, size_wh
    if recipe.resize == "letterbox":
        step = max(width / columns, height / rows)
        width, height = columns * step, rows * step
    elif recipe.resize == "center-crop":
        step = min(width / columns, height / rows)
        if recipe.resize_short:
            step = min(step, min(region.size_wh) / recipe.resize_short)
        width, height = columns * step, rows * step
    return View.around(region.center_xy, (width, height), size_wh, angle=region.angle)


class RegionSampler:
    """Samples views of pictures of one colour order, then converts the colour, of what is seen alone."""

    def __init__(self, recipe: ImageRecipe, size_wh: tuple[int, int], source: Color, target: Color) -> None:
        self._cv = cv = opencv()
        self._from_corner = recipe.interpolation == "mediapipe"
        self._averages = recipe.interpolation == "area"
        how = {"nearest": cv.INTER_NEAREST, "cubic": cv.INTER_CUBIC}.get(
            recipe.interpolation, cv.INTER_LINEAR
        )
        self._flags = how | cv.WARP_INVERSE_MAP
        self._border = cv.BORDER_CONSTANT if recipe.resize == "letterbox" else cv.BORDER_REPLICATE
        self._level = (float(recipe.pad_value),) * 3
        self._size_wh, self._channels = size_wh, () if source == "gray" else (3,)
        self._code = None if source == target else getattr(cv, f"COLOR_{source}2{target}".upper())
        width, height = size_wh
        self._sampled = np.empty((height, width, *self._channels), np.uint8)
        self._converted = np.empty((height, width, 3)[: 2 if target == "gray" else 3], np.uint8)
        self._finer = np.empty(0, np.uint8)

    def __call__(self, pixels: npt.NDArray[np.uint8], view: View) -> npt.NDArray[np.uint8]:
        """uint8[rows, columns, 3], or uint8[rows, columns] of grey; valid until the next call.

        Raises:
            InputError: the picture has a longer side than OpenCV can sample from.
        """
        if max(pixels.shape[:2]) > MAX_SIDE:
            raise InputError(
                f"a part of a picture: expected a picture of at most {MAX_SIDE} pixels a side, found "
                f"{pixels.shape[1]}x{pixels.shape[0]}. Make it smaller first"
            )
        finer = self._times_finer(view) if self._averages else 1
        sampled: npt.NDArray[np.uint8]
        if finer == 1:
            sampled = self._warp(pixels, view, self._size_wh, self._sampled)
        else:
            sampled = self._average(pixels, view, finer)
        if self._code is None:
            return sampled
        converted: npt.NDArray[np.uint8] = self._cv.cvtColor(sampled, self._code, dst=self._converted)
        return converted

    def _times_finer(self, view: View) -> int:
        """How many pixels of the source lie beside each other in one of the tensor, about."""
        steps = np.hypot(view.to_source[0, :2], view.to_source[1, :2])
        return min(MOST_FINER, max(1, math.ceil(float(steps.max()) - 0.25)))

    def _average(self, pixels: npt.NDArray[np.uint8], view: View, finer: int) -> Any:
        width, height = (side * finer for side in self._size_wh)
        shape = (height, width, *self._channels)
        needed = math.prod(shape)
        if self._finer.size < needed:
            self._finer = np.empty(needed, np.uint8)
        to_source = view.to_source.copy()
        to_source[:, :2] /= finer
        part = View(to_source, (width, height))
        sampled = self._warp(pixels, part, (width, height), self._finer[:needed].reshape(shape))
        how = self._cv.INTER_AREA
        return self._cv.resize(sampled, self._size_wh, dst=self._sampled, interpolation=how)

    def _warp(self, pixels: npt.NDArray[np.uint8], view: View, size_wh: tuple[int, int], out: Any) -> Any:
        matrix = view.to_source if self._from_corner else at_pixel_centers(view.to_source)
        return self._cv.warpAffine(
            pixels, matrix, size_wh, dst=out, flags=self._flags, borderMode=self._border,
            borderValue=self._level,
        )  # fmt: skip
