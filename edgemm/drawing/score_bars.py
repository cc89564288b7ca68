"""Rows of labels, each on a bar as long as its score: for results that have no place in the picture."""

from __future__ import annotations

from collections.abc import Sequence

from edgemm.drawing.canvas import Canvas
from edgemm.drawing.palette import WHITE, Rgb

MOST_ROWS = 5
WIDTH = 0.5
"""Of a bar of score 1, as part of the picture's width; wider where the text needs it."""
_EMPTY: Rgb = (40, 40, 40)
_FILLED: Rgb = (20, 90, 170)


def score_bars(canvas: Canvas, rows: Sequence[tuple[str, float]], *, at_bottom: bool = False) -> None:
    """Draws label and score of each row, in the upper left corner or the lower one.

    Args:
        rows: label and score, 0..1; as many as fit, MOST_ROWS at most.
    """
    width, height = canvas.size_wh
    letters = canvas.lettering
    texts = [f"{label} {score:.2f}" for label, score in rows[:MOST_ROWS]]
    texts = texts[: height // letters.height]
    fitted = [letters.fitted(text, width) for text in texts]
    if not all(each.text for each in fitted) or not fitted:
        return
    across = min(width, max(round(WIDTH * width), *(each.width for each in fitted), 0))
    top = height - len(fitted) * letters.height if at_bottom else 0
    for row, each in enumerate(fitted):
        y = top + row * letters.height
        canvas.fill(0, y, across, letters.height, _EMPTY)
        canvas.fill(0, y, _length(rows[row][1], across), letters.height, _FILLED)
        canvas.write(each.text, 0, y, WHITE)


def _length(score: float, across: int) -> int:
    return round(min(score, 1.0) * across) if score > 0 else 0  # 0 for NaN
