"""The order in which the lines of a page are read: from above, and in a row from left to right, as the page stands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgemm.tasks.ocr.boxes import Box

SAME_ROW = 0.5
"""Of the lower one's height: lines whose middles are less apart stand in one row."""


def reading_order(boxes: Sequence[Box]) -> list[list[int]]:
    """Places of the boxes, row by row.

    What is above is told by the direction in which most of the text runs, so that a page may lie in any rotation.
    Columns are not told apart: lines that stand side by side are one row.
    """
    if not boxes:
        return []
    lengths = np.array([box.size_wh[0] for box in boxes])
    angles = np.array([box.angle for box in boxes])
    along = np.array([(lengths * np.cos(angles)).sum(), (lengths * np.sin(angles)).sum()])
    along = along / norm if (norm := float(np.hypot(*along))) > 1e-6 else np.array([1.0, 0.0])
    centers = np.array([box.center_xy for box in boxes])
    x, y = centers @ along, centers @ np.array([-along[1], along[0]])
    heights = np.array([box.size_wh[1] for box in boxes])
    rows: list[list[int]] = []
    for at in np.argsort(y, kind="stable").tolist():
        last = rows[-1][-1] if rows else at
        if rows and y[at] - y[last] < SAME_ROW * min(heights[at], heights[last]):
            rows[-1].append(at)
        else:
            rows.append([at])
    return [sorted(row, key=lambda at: x[at]) for row in rows]
