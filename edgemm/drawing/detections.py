"""Detections: a box for each, its label and score on a filled background, its key points."""

from __future__ import annotations

import numpy as np

from edgemm.drawing.canvas import Canvas
from edgemm.drawing.palette import color_of
from edgemm.results import Detections


def paint(canvas: Canvas, result: Detections) -> None:
    """The best one last, so that it lies on top; boxes first, so that no box crosses a label."""
    boxes = np.asarray(result.boxes_xyxy, np.float64).tolist()
    colors = [color_of(int(each)) for each in result.class_ids]
    drawn = [at for at in reversed(range(min(len(boxes), len(colors)))) if canvas.box(boxes[at], colors[at])]
    for at in drawn:
        if at < len(result.points_xy):
            for x, y in np.asarray(result.points_xy[at], np.float64).tolist():
                canvas.dot(x, y, canvas.dot_px, colors[at])
    for at in drawn:
        canvas.label(_words(result, at), boxes[at][0], boxes[at][1], colors[at])


def _words(result: Detections, at: int) -> str:
    """Label and score; the number of the class where it has no label."""
    label = result.labels[at] if at < len(result.labels) else str(int(result.class_ids[at]))
    return f"{label} {float(result.scores[at]):.2f}" if at < len(result.scores) else label
