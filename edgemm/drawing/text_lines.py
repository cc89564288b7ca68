"""Lines of text: an outline around each, and what it says above it."""

from __future__ import annotations

import numpy as np

from edgemm.drawing.canvas import Canvas
from edgemm.drawing.palette import Rgb
from edgemm.results import TextLines

_LINE: Rgb = (60, 215, 230)


def paint(canvas: Canvas, result: TextLines) -> None:
    """Where the lines stand; then what they say, so that no outline crosses a text."""
    quads = np.asarray(result.quads_xy, np.float64).reshape(-1, 4, 2).tolist()
    for quad in quads:
        for begin, end in zip(quad, [*quad[1:], quad[0]], strict=True):
            canvas.segment((begin[0], begin[1]), (end[0], end[1]), _LINE)
    for quad, text in zip(quads, result.lines, strict=False):
        if np.isfinite(quad).all():
            canvas.label(text, min(x for x, _ in quad), min(y for _, y in quad), _LINE)
