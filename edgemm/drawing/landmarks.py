"""Landmarks: the lines of the skeleton, and the points on top of them."""

from __future__ import annotations

import numpy as np

from edgemm.drawing.canvas import Canvas
from edgemm.drawing.palette import Rgb
from edgemm.results import Landmarks

LEAST_SCORE = 0.2
"""A point that the model is less sure of is not drawn, and no line to it: it lies anywhere."""
MANY = 100
"""From so many points on they are drawn small: those of a face lie close together."""
_LINE: Rgb = (60, 215, 230)
_POINT: Rgb = (255, 210, 40)


def paint(canvas: Canvas, result: Landmarks) -> None:
    """Where the points are."""
    points = [(x, y) for x, y in np.asarray(result.points_xy, np.float64).tolist()]
    scores = np.asarray(result.scores, np.float64).tolist()
    seen = {at for at in range(len(points)) if at >= len(scores) or scores[at] >= LEAST_SCORE}
    for begin, end in result.skeleton:
        if begin in seen and end in seen:
            canvas.segment(points[begin], points[end], _LINE)
    radius = canvas.line_px // 2 if len(points) >= MANY else canvas.dot_px
    for at in sorted(seen):
        canvas.dot(*points[at], radius, _POINT)
