"""The grid of the box head: one cell for each 8 x 8 pixels of the scene."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgemm.data.scenes import LABELS, SIZE_WH

STRIDE = 8
"""Pixels of the picture between two cells."""
CLASSES = len(LABELS)


def cell_centers() -> npt.NDArray[np.float32]:
    """float32[cells, 2]: x, y of the middle of each cell in pixels, row by row."""
    columns, rows = (np.arange(length // STRIDE) for length in SIZE_WH)
    y, x = np.meshgrid(rows, columns, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32) * STRIDE + STRIDE / 2
