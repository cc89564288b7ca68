"""Points of a vector, moved by heat maps beside it: to the centre of mass of the cells around each.

As MediaPipe's RefineLandmarksFromHeatmapCalculator: a cell stands at its left and top edge, and points outside of the
maps stay where they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgemm.errors import ArtifactError
from edgemm.tasks.landmarks.recipe import LandmarksRecipe
from edgemm.tasks.landmarks.vectors import Points
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.scores import sigmoid
from edgemm.tensors import TensorSpec


class Refining:
    """Moves points of one model. Only the cells around them are dequantized."""

    def __init__(self, recipe: LandmarksRecipe, spec: TensorSpec) -> None:
        """
        Args:
            spec: of the output with the maps: [1, H, W, K].
        """
        self._spec, self._least = spec, recipe.refine_least
        reach = recipe.refine_cells // 2
        self._steps = np.arange(-reach, reach + 1)

    def __call__(self, points: Points, outputs: Outputs, tensor_wh: tuple[int, int]) -> Points:
        """The points, moved where the maps are sure.

        Args:
            tensor_wh: pixels of the input tensor; (0, 0) where it is no picture: points then stay.

        Raises:
            ArtifactError: another shape than the file says.
        """
        maps = outputs.stored(self._spec.name)
        if maps.ndim != 4 or maps.shape[3] < len(points.xy):
            raise ArtifactError(
                f"output {self._spec.name!r}: expected the shape {list(self._spec.shape)}, found {list(maps.shape)}. "
                "Read the outputs as they are with model.run(...)"
            )
        if not all(tensor_wh):
            return points
        height, width = maps.shape[1:3]
        scale = np.array([width / tensor_wh[0], height / tensor_wh[1]])
        with np.errstate(invalid="ignore"):  # points that are NaN are refused afterwards
            at = np.nan_to_num(np.trunc(points.xy * scale), nan=-1.0).clip(-1, max(width, height)).astype(int)
        inside = (at >= 0).all(axis=1) & (at < (width, height)).all(axis=1)
        x, y = at[:, :1] + self._steps, at[:, 1:] + self._steps
        around = maps[
            0,
            y.clip(0, height - 1)[:, :, None],
            x.clip(0, width - 1)[:, None, :],
            np.arange(len(at))[:, None, None],
        ]
        in_map = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None, :]
        weights = sigmoid(np.asarray(self._spec.dequantize(around), np.float32)) * in_map
        total = weights.sum(axis=(1, 2))
        moved = inside & (weights.max(axis=(1, 2)) >= self._least) & (total > 0)  # NaN is not
        mean = np.stack(
            [(weights.sum(axis=1) * x).sum(axis=1), (weights.sum(axis=2) * y).sum(axis=1)], axis=1
        )
        xy = points.xy.copy()
        xy[moved] = mean[moved] / total[moved, None] / scale
        return replace(points, xy=xy)
