"""Speech: a bar as long as it is probable; nothing where nobody speaks."""

from __future__ import annotations

from edgemm.drawing.canvas import Canvas
from edgemm.drawing.score_bars import score_bars
from edgemm.results import Segments


def paint(canvas: Canvas, result: Segments) -> None:
    """In the lower left corner, where subtitles are."""
    score_bars(canvas, [("speech", each.score) for each in result.segments[-1:]], at_bottom=True)
