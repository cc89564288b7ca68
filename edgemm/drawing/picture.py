"""A picture made by a model: it is shown itself, instead of the frame that it was made from."""

from __future__ import annotations

from edgemm.drawing.canvas import Canvas
from edgemm.media import Captured, Color, Frame
from edgemm.results import Picture


def background(frame: Captured, result: Picture) -> Frame:
    """The model's picture, in its own size; what it was made of need not be a picture."""
    color: Color = "gray" if result.pixels.ndim == 2 else "rgb"
    return Frame(result.pixels, frame.captured_ns, getattr(frame, "sequence", 0), color)


def paint(canvas: Canvas, result: Picture) -> None:
    """Nothing: it is there already."""
