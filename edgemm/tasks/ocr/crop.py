"""A box's pixels, upright."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.affine import at_pixel_centers
from edgemm.opencv import opencv
from edgemm.preprocess.view import View
from edgemm.tasks.ocr.boxes import Box

LARGEST = 30_000
"""Pixels: OpenCV warps no picture with a longer side."""
FINEST = 8
"""A line is looked at with up to so many pixels of the picture for one of its own; of a larger one some are skipped."""


def cut(pixels: npt.NDArray[np.uint8], box: Box, size_wh: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """What a box shows, upright; beyond the picture its edge goes on.

    Args:
        pixels: uint8[height, width] or uint8[height, width, 3].
        box: in pixels of the picture.
        size_wh: of what is made, in pixels.

    Returns:
        uint8[height, width] or uint8[height, width, 3], a new array.
    """
    cv = opencv()
    part, corner, step = _around(pixels, box)
    width, height = size_wh
    more = min(FINEST, max(1, math.ceil(box.size_wh[1] / step / height)))
    center = (box.center_xy[0] - corner[0]) / step, (box.center_xy[1] - corner[1]) / step
    view = View.around(
        center, (box.size_wh[0] / step, box.size_wh[1] / step), (width * more, height * more), angle=box.angle
    )
    found: Any = cv.warpAffine(
        part,
        at_pixel_centers(view.to_source),
        view.tensor_wh,
        flags=cv.INTER_CUBIC | cv.WARP_INVERSE_MAP,
        borderMode=cv.BORDER_REPLICATE,
    )
    return found if more == 1 else np.asarray(cv.resize(found, size_wh, interpolation=cv.INTER_AREA))


def _around(pixels: npt.NDArray[np.uint8], box: Box) -> tuple[npt.NDArray[np.uint8], tuple[int, int], int]:
    """The part of the picture that a box lies in, the place of its corner, and one of how many pixels is taken."""
    height, width = pixels.shape[:2]
    quad = box.quad
    left, top = (int(np.clip(quad[:, at].min() - 2, 0, side - 1)) for at, side in ((0, width), (1, height)))
    right, bottom = (
        int(np.clip(math.ceil(quad[:, at].max() + 2), first + 1, side))
        for at, first, side in ((0, left, width), (1, top, height))
    )
    step = -(-max(right - left, bottom - top) // LARGEST)
    return np.ascontiguousarray(pixels[top:bottom:step, left:right:step]), (left, top), step
