"""Colour conversion, resize and crop of pictures of one size, in memory that is reused."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import ImageRecipe
from edgemm.media import Color
from edgemm.opencv import opencv
from edgemm.preprocess.placement import CornerPlacement, Placement

INTERPOLATIONS = {
    "nearest": "INTER_NEAREST",
    "linear": "INTER_LINEAR_EXACT",
    "area": "INTER_AREA",
    "cubic": "INTER_CUBIC",
    "mediapipe": "INTER_NEAREST",
}
"""Word in the card -> OpenCV's constant.

INTER_LINEAR computes with other rounding on ARM than on x86: one to three grey levels in a tenth of the pixels.
INTER_LINEAR_EXACT computes in integers alone and gives the same pixels on every processor. "mediapipe" is nearest
where steps are whole; otherwise see `_CornerResize`.
"""


class PictureSampler:
    """Converts, resizes and crops pictures of one size and colour to what the tensor shows.

    The result is that of converting the colour first and resizing then. Where the order changes no bit, the cheaper
    order is used: reordering channels and repeating grey in three channels can be done before or after any resize,
    the weighted sum that makes grey only before or after "nearest".
    """

    def __init__(self, recipe: ImageRecipe, placement: Placement, source: Color, target: Color) -> None:
        self._cv = opencv()
        self._interpolation = getattr(self._cv, INTERPOLATIONS[recipe.interpolation])
        self._size_wh = placement.resized_wh
        (width, height), (full_width, full_height) = placement.source_wh, placement.resized_wh
        first = _convert_first(recipe, placement, source, target)
        code = None if source == target else getattr(self._cv, f"COLOR_{source}2{target}".upper())
        self._before: int | None = code if first else None
        self._after: int | None = None if first else code
        self._crop = placement.crop
        self._whole = _scratch(height, width, target if code is not None and first else None)
        resizes = placement.source_wh != placement.resized_wh
        self._warp: _CornerResize | None = None
        if isinstance(placement, CornerPlacement):
            self._warp = _CornerResize(placement, recipe.pad_value)
        self._resized = _scratch(full_height, full_width, (target if first else source) if resizes else None)
        columns, rows = placement.shown_wh
        self._part = _scratch(rows, columns, target if code is not None and not first else None)
        cuts = placement.shown_wh != placement.resized_wh
        self._last = ""
        if self._after is not None:
            self._last = "part"
        elif not cuts:
            self._last = "resized" if resizes else "whole" if first and code is not None else ""

    @property
    def ends_in_memory(self) -> bool:
        """The last step is one that writes, not a cut: it can write into the caller's memory."""
        return self._last != ""

    def __call__(
        self, pixels: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8] | None = None
    ) -> npt.NDArray[np.uint8]:
        """uint8[rows, columns, 3], or uint8[rows, columns] of grey; valid until the next call.

        Args:
            out: of the result's shape: the last step writes there, where `ends_in_memory` and OpenCV can write with its
                strides; else the result lies elsewhere.
        """
        picture: Any = pixels
        last = "" if out is None else self._last
        if self._before is not None:
            picture = self._cv.cvtColor(picture, self._before, dst=out if last == "whole" else self._whole)
        if self._resized is not None:
            resized = out if last == "resized" else self._resized
            if self._warp is not None:
                picture = self._warp(picture, resized)
            else:
                picture = self._cv.resize(
                    picture, self._size_wh, dst=resized, interpolation=self._interpolation
                )
        picture = picture[self._crop]
        if self._after is not None:
            picture = self._cv.cvtColor(picture, self._after, dst=out if last == "part" else self._part)
        cropped: npt.NDArray[np.uint8] = picture
        return cropped


class _CornerResize:
    """Bilinear sampling at places in 1/32 of a pixel, as `cv2.warpPerspective` computed it up to OpenCV 4.

    Later versions of it use other weights; `cv2.remap` over maps of integers has kept these.
    """

    def __init__(self, placement: CornerPlacement, pad_value: int) -> None:
        self._cv = cv = opencv()
        x, y = (
            (np.arange(size) - border) * step
            for size, border, step in zip(
                placement.size_wh, placement.border_xy, placement.step_xy, strict=True
            )
        )
        places = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
        self._maps = cv.convertMaps(*places, cv.CV_16SC2)
        self._border = (float(pad_value),) * 3

    def __call__(self, picture: npt.NDArray[np.uint8], out: Any) -> Any:
        cv = self._cv
        return cv.remap(
            picture,
            *self._maps,
            cv.INTER_LINEAR,
            dst=out,
            borderMode=cv.BORDER_CONSTANT,
            borderValue=self._border,
        )


def _convert_first(recipe: ImageRecipe, placement: Placement, source: Color, target: Color) -> bool:
    (width, height), (full_width, full_height) = placement.source_wh, placement.resized_wh
    if source == "gray":
        return False
    shrinks = full_width * full_height <= width * height
    return not shrinks or (target == "gray" and recipe.interpolation != "nearest")


def _scratch(height: int, width: int, color: Color | None) -> npt.NDArray[np.uint8] | None:
    if color is None:
        return None
    return np.empty((height, width) if color == "gray" else (height, width, 3), np.uint8)
