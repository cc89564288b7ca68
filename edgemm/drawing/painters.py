"""The table of painters: which module draws which type of result."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from edgemm import results
from edgemm.drawing.canvas import Canvas
from edgemm.media import Captured
from edgemm.results import Result

PAINTERS: dict[type[Any], str] = {
    results.Classification: "edgemm.drawing.classification",
    results.Keyword: "edgemm.drawing.keyword",
    results.Detections: "edgemm.drawing.detections",
    results.Segmentation: "edgemm.drawing.segmentation",
    results.Landmarks: "edgemm.drawing.landmarks",
    results.Picture: "edgemm.drawing.picture",
    results.Transcript: "edgemm.drawing.transcript",
    results.TextLines: "edgemm.drawing.text_lines",
    results.Tags: "edgemm.drawing.tags",
    results.Segments: "edgemm.drawing.segments",
    results.Scene: "edgemm.drawing.scene",
}
"""Type of a result -> the module that draws it: `paint(canvas, result)`, and `background(frame, result)` where the
result brings its own picture. A type that is not here leaves the picture as it is: there is nothing to see in a vector
or in raw tensors."""


def background(frame: Captured, result: Result) -> Captured:
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
