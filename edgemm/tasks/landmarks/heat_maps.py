"""Points from heat maps: the place of the highest value, between cells.

The methods:
    quarter    a quarter of a cell towards the higher neighbour, along each axis (Newell et al. 2016, Xiao et al. 2018).
    parabola   the top of the parabola through the highest cell and its two neighbours, along each axis.
    centroid   the centre of mass of the 3 x 3 cells around the highest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import ArtifactError
from edgemm.tasks.landmarks.recipe import LandmarksRecipe
from edgemm.tasks.landmarks.vectors import Floats, Points
from edgemm.tasks.scores import sigmoid
from edgemm.tensors import TensorSpec

_STEPS = np.array([-1, 0, 1])


class HeatMapReader:
    """The peaks of an output with one map for each point. Only the cells around a peak are dequantized."""

    def __init__(self, recipe: LandmarksRecipe, spec: TensorSpec, count: int, *, channels_last: bool) -> None:
        """
        Args:
            spec: of the output: [1, H, W, K] or [1, K, H, W].
            count: points to keep.
        """
        self._recipe, self._spec, self._count, self._last = recipe, spec, count, channels_last

    def __call__(self, stored: npt.NDArray[Any], tensor_wh: tuple[int, int]) -> Points:
        """The points of one run.

        Args:
            stored: the output, as the file stores it.
            tensor_wh: pixels of the input tensor; (0, 0) where it is no picture: coordinates are then cells.

        Raises:
            ArtifactError: another shape than the file says, or NaN in a map.
        """
        maps = self._maps(stored)
        count, height, width = maps.shape
        flat = maps.reshape(count, -1)
        best = flat.argmax(axis=1)  # the first NaN, where there is one
        rows, columns = np.divmod(best, width)
        around = _dequantize(_around(maps, rows, columns), self._spec)
        if np.isnan(around[:, 1, 1]).any():
            raise ArtifactError(
                f"output {self._spec.name!r}: found NaN in a heat map. "
                'Try another delegate (delegate="cpu"); if that is the same, convert or train the model again'
            )
        tops = around[:, 1, 1]
        if self._recipe.scores == "logits":
            tops = sigmoid(tops)
        cells = np.stack([columns, rows], axis=1) + self._shifts(around) + self._recipe.offset
        if all(tensor_wh):
            cells = cells * (np.array(tensor_wh) / (width, height))
        return Points(cells.astype(np.float32), np.clip(tops, 0.0, 1.0).astype(np.float32))

    def _maps(self, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """[k, h, w], contiguous."""
        fits = len(stored.shape) == len(self._spec.shape) and all(
            wanted in (-1, size) for size, wanted in zip(stored.shape, self._spec.shape, strict=True)
        )
        if not fits or not stored.size or stored.shape[0] != 1:
            raise ArtifactError(
                f"output {self._spec.name!r}: expected the shape {list(self._spec.shape)}, found {list(stored.shape)}. "
                "Read the outputs as they are with model.run(...)"
            )
        maps = stored[0].transpose(2, 0, 1) if self._last else stored[0]
        return np.ascontiguousarray(maps[: self._count])

    def _shifts(self, around: Floats) -> npt.NDArray[np.float64]:
        """float64[k, 2]: from the middle of the highest cell, along x and y, in cells."""
        around = np.nan_to_num(around).astype(np.float64)  # infinity becomes the largest float32
        if self._recipe.peak == "cell":
            return np.zeros((len(around), 2))
        if self._recipe.peak == "centroid":
            return _centroid(sigmoid(around) if self._recipe.scores == "logits" else around)
        along = np.stack([around[:, 1, :], around[:, :, 1]], axis=1)
        before, top, after = along[..., 0], along[..., 1], along[..., 2]
        if self._recipe.peak == "quarter":
            return np.asarray(np.sign(after - before) * 0.25)
        bend = 2.0 * top - before - after
        flat = bend <= 0
        return np.asarray(np.where(flat, 0.0, 0.5 * (after - before) / np.where(flat, 1.0, bend)))


def _around(
    maps: npt.NDArray[Any], rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> npt.NDArray[Any]:
    """[k, 3, 3] around each peak. Beyond the edge of a map stands what is on the other side of the peak, or the peak
    itself in a map of one row or column, so that the point is not drawn away from the edge."""
    count, height, width = maps.shape
    y, x = (_mirrored(at[:, None] + _STEPS, size) for at, size in ((rows, height), (columns, width)))
    return np.asarray(maps[np.arange(count)[:, None, None], y[:, :, None], x[:, None, :]])


def _mirrored(at: npt.NDArray[np.intp], size: int) -> npt.NDArray[np.intp]:
    return np.clip(np.where(at < 0, -at, np.where(at >= size, 2 * (size - 1) - at, at)), 0, size - 1)


def _centroid(weights: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Of non-negative weights; the middle where there is no weight."""
    weights = np.maximum(weights, 0.0)
    total = weights.sum(axis=(1, 2))
    total[total <= 0] = np.inf
    x, y = weights.sum(axis=1) @ _STEPS, weights.sum(axis=2) @ _STEPS
    return np.asarray(np.stack([x, y], axis=1) / total[:, None], np.float64)


def _dequantize(stored: npt.NDArray[Any], spec: TensorSpec) -> Floats:
    return np.asarray(spec.dequantize(stored), np.float32)
