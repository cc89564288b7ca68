"""Drawing results on pictures: one module per result type, a table of them, and the canvas that they share.

    draw(frame, result)                 a new RGB picture with the result on it
    background, paint                   the same in two steps, on a `Canvas` that is used again: what sinks do

Text is drawn with OpenCV's own letters, which are ASCII: see `lettering.plain`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgemm.drawing.canvas import Canvas, as_picture, require_picture
from edgemm.drawing.painters import PAINTERS, background, paint
from edgemm.errors import InputError
from edgemm.media import Captured
from edgemm.results import Result


def draw(frame: Captured | npt.NDArray[np.uint8], result: Result) -> npt.NDArray[np.uint8]:
    """The picture with the result drawn on it, as a copy.

    Line width and size of text follow the size of the picture; where it is too small for text there is none. What
    lies outside the picture is clipped, and what has no place, such as a box with NaN, is left out. A result that
    found nothing, and one of a type that cannot be drawn, leave the picture as it is.

    Args:
        frame: a `Frame`, such as `item.frame`, or a bare array: uint8[height, width, 3] RGB, or uint8[height, width].
        result: what a model answered for this frame.

    Returns:
        uint8[height, width, 3] RGB, of the frame's size; a `Picture` is shown itself, in its own size.

    Raises:
        InputError: no picture, such as a block of sound; or no result, such as a whole item; or a class map of
            a picture whose sides have another ratio.
        MissingDependency: OpenCV is not installed.
    """
    if not isinstance(result, Result):
        raise InputError(
            f"result: expected what a model answers, such as item.value, found {type(result).__name__}"
        )
    canvas = Canvas("rgb")
    canvas.load(require_picture(background(as_picture(frame), result)))
    paint(canvas, result)
    return canvas.pixels


__all__ = ["PAINTERS", "Canvas", "background", "draw", "paint"]
