"""A word that was heard: its label with a bar as long as its score; nothing while none is detected."""

from __future__ import annotations

from edgemm.drawing.canvas import Canvas
from edgemm.drawing.score_bars import score_bars
from edgemm.results import Keyword


def paint(canvas: Canvas, result: Keyword) -> None:
    """In the lower left corner, where subtitles are."""
    if result.detected:
        score_bars(canvas, [(result.label, result.score)], at_bottom=True)
