"""A number for each place of a picture, as a colour over it: red above 0, blue below, nothing at 0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgemm.drawing.canvas import Canvas
from edgemm.drawing.palette import Rgb
from edgemm.errors import InputError
from edgemm.opencv import opencv

ABOVE: Rgb = (230, 30, 20)
BELOW: Rgb = (30, 90, 240)
OPACITY = 0.75
"""Of the place with the largest number."""


def paint_heat(canvas: Canvas, values: npt.NDArray[np.floating]) -> None:
    """Lays the numbers over what is on the canvas, in its size.

    Args:
        values: float[height, width] of any size; the colours are relative to the largest of them, in either direction.

    Raises:
        InputError: it is no map of finite numbers.
    """
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise InputError(
            f"heat: expected finite numbers [height, width], found {list(values.shape)}, or NaN in it"
        )
    scaled = relative(values)
    cv2 = opencv()
    in_size = cv2.resize(scaled, canvas.size_wh, interpolation=cv2.INTER_LINEAR)
    weight = (np.abs(in_size) * OPACITY)[:, :, None]
    above, below = (np.array(canvas.ordered(each), np.float32) for each in (ABOVE, BELOW))
    colors = np.where(in_size[:, :, None] > 0, above, below)
    mixed = canvas.pixels * (1 - weight) + colors * weight
    np.copyto(canvas.pixels, np.rint(mixed).astype(np.uint8))


def relative(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """float32 of the same shape, -1..1: divided by the largest, in either direction; all 0 where they are."""
    most = float(np.abs(values).max(initial=0.0))
    return (values / most).astype(np.float32) if most > 0 else np.zeros(values.shape, np.float32)
