"""What is heard in a window of sound: its labels with bars as long as their scores, best first."""

from __future__ import annotations

from edgemm.drawing.canvas import Canvas
from edgemm.drawing.score_bars import score_bars
from edgemm.results import Tags


def paint(canvas: Canvas, result: Tags) -> None:
    """In the lower left corner, where subtitles are."""
    score_bars(canvas, list(zip(result.labels, map(float, result.scores), strict=True)), at_bottom=True)
