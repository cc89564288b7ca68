"""Drawing results on pictures: one module per result type, a table of them, and the canvas that they share.

    draw(frame, result)                 a new RGB picture with the result on it
    background, paint                   the same in two steps, on a `Canvas` that is used again: what sinks do

Text is drawn with OpenCV's own letters, which are ASCII: see `lettering.plain`.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm import results
from edgemm.drawing.canvas import Canvas, as_picture
from edgemm.errors import InputError
from edgemm.media import Captured, Frame
from edgemm.results import Result

PAINTERS: dict[type[Any], str] = {
    results.Classification: "edgemm.drawing.classification",
    results.Keyword: "edgemm.drawing.keyword",
    results.Detections: "edgemm.drawing.detections",
    results.Segmentation: "edgemm.drawing.segmentation",
    results.Landmarks: "edgemm.drawing.landmarks",
    results.Picture: "edgemm.drawing.picture",
    results.Transcript: "edgemm.drawing.transcript",
    results.Tags: "edgemm.drawing.tags",
    results.Segments: "edgemm.drawing.segments",
}
"""Type of a result -> the module that draws it: `paint(canvas, result)`, and `background(frame, result)` where the
result brings its own picture. A type that is not here leaves the picture as it is: there is nothing to see in a vector
or in raw tensors."""


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
    canvas.load(background(as_picture(frame), result))
    paint(canvas, result)
    return canvas.pixels


def background(frame: Frame, result: Result) -> Frame:
    """What the result is drawn on: the frame, or the picture that the result brings itself."""
    own = getattr(_painter(result), "background", None)
    return frame if own is None else own(frame, result)


def paint(canvas: Canvas, result: Result) -> None:
    """Draws the result on what is on the canvas."""
    painter = _painter(result)
    if painter is not None:
        painter.paint(canvas, result)


def _painter(result: object) -> ModuleType | None:
    for kind in type(result).__mro__:
        if kind in PAINTERS:
            return import_module(PAINTERS[kind])
    return None


__all__ = ["PAINTERS", "Canvas", "background", "draw", "paint"]
