"""Words that were heard, as a subtitle: the end of the text, as much as fits into one line."""

from __future__ import annotations

from edgemm.drawing.canvas import Canvas
from edgemm.drawing.lettering import LONGEST, plain
from edgemm.drawing.palette import BLACK
from edgemm.results import Transcript


def paint(canvas: Canvas, result: Transcript) -> None:
    """In the lower left corner."""
    words = plain(result.text[-LONGEST:]).split()
    width, height = canvas.size_wh
    while len(words) > 1 and canvas.lettering.width(" ".join(words)) > width:
        words = words[1:]
    if words:
        canvas.label(" ".join(words), 0, height, BLACK)
