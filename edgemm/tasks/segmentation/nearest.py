"""From a map of classes to the pixels of the source, each with the class of the nearest place in the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.affine import Affine, at_pixel_centers, inverse
from edgemm.opencv import opencv
from edgemm.tasks.context import Context
from edgemm.tasks.segmentation.room import Room

_TIE = 1e-6
"""Cells. Where a pixel's centre lies between two cells, the later one is taken, whatever the rounding."""


def source_to_grid(context: Context, grid_hw: tuple[int, int]) -> Affine:
    """float64[2, 3]: (x, y, 1) in pixels of the source -> (x, y) in cells of the map, continuous.

    Raises:
        InputError: the view has no area, or is not finite.
    """
    rows, columns = grid_hw
    width, height = context.tensor_wh if all(context.tensor_wh) else (columns, rows)
    return np.asarray(inverse(context.to_source) * np.array([[columns / width], [rows / height]]))


@dataclass(frozen=True, slots=True, eq=False)
class NearestTable:
    """Where each column and each row of the source lies in the map, for views that are not rotated."""

    columns: npt.NDArray[np.intp]
    rows: npt.NDArray[np.intp]
    seen: tuple[slice, slice]
    """Rows and columns of the source that lie in the map."""
    outside: int
    """Class of the rest."""

    @staticmethod
    def of(matrix: Affine, grid_hw: tuple[int, int], context: Context, outside: int) -> NearestTable:
        """From what `source_to_grid` gives."""
        columns, seen_columns = _axis(matrix[0, 0], matrix[0, 2], context.source_wh[0], grid_hw[1])
        rows, seen_rows = _axis(matrix[1, 1], matrix[1, 2], context.source_wh[1], grid_hw[0])
        return NearestTable(columns, rows, (seen_rows, seen_columns), outside)

    def __call__(self, grid: npt.NDArray[Any], room: Room) -> npt.NDArray[Any]:
        """[h, w] of a map -> [height, width] in the size of the source, a new array."""
        wide = room.array("wide", (grid.shape[0], len(self.columns)), grid.dtype)
        np.take(grid, self.columns, axis=1, out=wide, mode="clip")
        result = np.take(wide, self.rows, axis=0, mode="clip")
        rows, columns = self.seen
        for strip in (
            (slice(0, rows.start), slice(None)),
            (slice(rows.stop, None), slice(None)),
            (rows, slice(0, columns.start)),
            (rows, slice(columns.stop, None)),
        ):
            result[strip] = self.outside
        return result


def _axis(scale: float, shift: float, pixels: int, cells: int) -> tuple[npt.NDArray[np.intp], slice]:
    """The cell that each pixel's centre lies in, and which pixels lie in any."""
    cell = np.floor((np.arange(pixels) + 0.5) * scale + shift + _TIE)
    inside = np.flatnonzero((cell >= 0) & (cell < cells))
    seen = slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 0)
    return np.clip(cell, 0, cells - 1).astype(np.intp), seen


@dataclass(frozen=True, slots=True, eq=False)
class NearestWarp:
    """The same for views that are rotated or sheared."""

    matrix: Affine
    """float64[2, 3]: as `cv2.warpAffine` wants it, with centres of pixels at whole numbers."""
    source_wh: tuple[int, int]
    outside: int

    def __call__(self, grid: npt.NDArray[Any], room: Room) -> npt.NDArray[Any]:
        """See `NearestTable`."""
        cv = opencv()
        warped: npt.NDArray[Any] = cv.warpAffine(
            grid,
            self.matrix,
            self.source_wh,
            flags=cv.INTER_NEAREST | cv.WARP_INVERSE_MAP,
            borderMode=cv.BORDER_CONSTANT,
            borderValue=self.outside,
        )
        return warped


def nearest(context: Context, grid_hw: tuple[int, int], outside: int) -> NearestTable | NearestWarp:
    """What brings maps of one size to the source of one context."""
    matrix = source_to_grid(context, grid_hw)
    if matrix[0, 1] == 0 == matrix[1, 0]:
        return NearestTable.of(matrix, grid_hw, context, outside)
    return NearestWarp(at_pixel_centers(matrix), context.source_wh, outside)
