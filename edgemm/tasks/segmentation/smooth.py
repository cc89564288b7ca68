"""Scores interpolated between the cells of the map, for each pixel of the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.affine import Affine, at_pixel_centers, transform
from edgemm.opencv import opencv
from edgemm.tasks.context import Context
from edgemm.tasks.segmentation.nearest import nearest, source_to_grid
from edgemm.tasks.segmentation.room import Room


@dataclass(frozen=True, slots=True, eq=False)
class SmoothWarp:
    """Bilinear interpolation of one plane of scores after the other; OpenCV before 5.0 rounds to 1/32 of a cell.

    Cells that lie in a border around the picture are not mixed in: at its edge the nearest cell within counts.
    """

    cells: tuple[slice, slice]
    """Rows and columns of the map that the picture covers."""
    matrix: Affine
    """float64[2, 3]: as `cv2.warpAffine` wants it, into these cells."""
    source_wh: tuple[int, int]
    unseen: npt.NDArray[np.bool_] | None
    """bool[height, width]: pixels of the source that the model did not see; None where it saw all."""
    outside: int
    """Their class."""

    @staticmethod
    def of(context: Context, grid_hw: tuple[int, int], outside: int) -> SmoothWarp:
        """For maps of one size and one place of the picture."""
        matrix = source_to_grid(context, grid_hw)
        width, height = context.source_wh
        corners = transform(matrix, np.array([[0.0, 0], [width, 0], [0, height], [width, height]]))
        columns, rows = (
            _covered(corners[:, axis], size) for axis, size in zip((0, 1), grid_hw[::-1], strict=True)
        )
        matrix = at_pixel_centers(matrix)
        matrix[:, 2] -= (columns.start, rows.start)
        seen = nearest(context, grid_hw, 0)(np.ones(grid_hw, np.uint8), Room())
        unseen = None if seen.all() else seen == 0
        return SmoothWarp((rows, columns), matrix, context.source_wh, unseen, outside)

    def scores(self, plane: npt.NDArray[Any], room: Room) -> npt.NDArray[np.float32]:
        """[h, w] of scores -> float32[height, width]; valid until the next call."""
        cv = opencv()
        width, height = self.source_wh
        cells = plane[self.cells]
        part = room.array("part", cells.shape, np.float32)
        np.copyto(part, cells)
        warped: npt.NDArray[np.float32] = cv.warpAffine(
            part,
            self.matrix,
            self.source_wh,
            dst=room.array("warped", (height, width), np.float32),
            flags=cv.INTER_LINEAR | cv.WARP_INVERSE_MAP,
            borderMode=cv.BORDER_REPLICATE,
        )
        return warped

    def close(self, classes: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A copy of the classes, with that of the pixels that were not seen."""
        result = classes.copy()
        if self.unseen is not None:
            result[self.unseen] = self.outside
        return result


def _covered(ends: npt.NDArray[np.float64], cells: int) -> slice:
    """The cells whose centres lie between the ends; at least one."""
    first = int(np.clip(np.ceil(ends.min() - 0.5 - 1e-6), 0, cells - 1))
    last = int(np.clip(np.floor(ends.max() - 0.5 + 1e-6), first, cells - 1))
    return slice(first, last + 1)
