"""A picture made by a model: it is shown itself, instead of the frame that it was made from."""

from __future__ import annotations

from edgemm.drawing.canvas import Canvas
from edgemm.media import Frame
from edgemm.results import Picture


def background(frame: Frame, result: Picture) -> Frame:
    """The model's picture, in its own size."""
    return Frame(
        result.pixels, frame.captured_ns, frame.sequence, "gray" if result.pixels.ndim == 2 else "rgb"
    )


def paint(canvas: Canvas, result: Picture) -> None:
    """Nothing: it is there already."""
