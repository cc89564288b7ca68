"""A classification: its labels with bars as long as their scores, best first."""

from __future__ import annotations

from edgemm.drawing.canvas import Canvas
from edgemm.drawing.score_bars import score_bars
from edgemm.results import Classification


def paint(canvas: Canvas, result: Classification) -> None:
    """In the upper left corner."""
    score_bars(canvas, list(zip(result.labels, map(float, result.scores), strict=False)))
