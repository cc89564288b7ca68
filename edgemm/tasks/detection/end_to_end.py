"""Head end-to-end: the model's own NMS is behind it, and each row is one found object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import ArtifactError, CardError
from edgemm.tasks.detection import layout
from edgemm.tasks.detection.activations import activation
from edgemm.tasks.detection.head import Floats, Found, Integers, nothing
from edgemm.tasks.detection.places import in_pixels, sides, with_points
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.detection.search import class_numbers, finite, require_numbers
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.thresholds import stored_threshold
from edgemm.tensors import TensorSpec

_ORDER = {
    "xyxy-score-class": (0, 4, 5, 6),
    "xyxy-class-score": (0, 5, 4, 6),
    "batch-xyxy-class-score": (1, 6, 5, 7),
    "xyxy-score": (0, 4, -1, 5),
}
"""Where a row has its box, its score, its class, and its key points; -1: its class is in an output of its own."""


class EndToEndHead:
    """Rows of box, score and class; as many as the file's shape says, or as the model finds.

    Raises:
        CardError: no output has such rows.
    """

    suppressed = True

    def __init__(self, recipe: DetectionRecipe, specs: Sequence[TensorSpec]) -> None:
        self._box, self._score, self._class, self._points = _ORDER[recipe.row]
        self._width = self._points + recipe.points * recipe.point_values
        self._spec = layout.numbers(self._choose(recipe, specs), "boxes and scores")
        self._count = recipe.points
        self._order = recipe.box or "xyxy"
        self._normalized = recipe.coordinates == "normalized"
        self._activation = activation(recipe.activation, recipe.score_clip)
        self._least = stored_threshold(self._spec, recipe.threshold, self._activation)
        self._classes = layout.named(specs, recipe.classes_outputs, "classes_outputs")[:1]

    def _choose(self, recipe: DetectionRecipe, specs: Sequence[TensorSpec]) -> TensorSpec:
        chosen = layout.named(specs, recipe.boxes_outputs, "boxes_outputs") or [
            spec for spec in specs if not spec.shape or spec.shape[-1] in (self._width, -1)
        ]
        fits = len(chosen) == 1 and (not chosen[0].shape or chosen[0].shape[-1] in (self._width, -1))
        if not fits or any(size not in (1, -1) for size in chosen[0].shape[:-2]):
            raise CardError(
                f"boxes_outputs: expected one output with {self._width} numbers for each found object, "
                f"[1, N, {self._width}], found {layout.listed(specs)}. See row, points, point_values; or choose "
                "another head"
            )
        return chosen[0]

    def _rows(self, outputs: Outputs) -> npt.NDArray[Any]:
        stored = outputs.stored(self._spec.name)
        if stored.ndim < 1 or stored.shape[-1] != self._width or any(size != 1 for size in stored.shape[:-2]):
            raise ArtifactError(
                f"output {self._spec.name!r}: expected [1, N, {self._width}], the model gave {list(stored.shape)}"
            )
        return stored.reshape(-1, self._width)

    def search(self, outputs: Outputs) -> Found:
        """See `Head`."""
        rows = self._rows(outputs)
        require_numbers(rows[:, self._score], self._spec.name)
        if self._least is None:
            return nothing()
        index = np.flatnonzero(rows[:, self._score] >= self._least)
        if not index.size:
            return nothing()
        real = np.asarray(self._spec.dequantize(rows[index]), np.float32)
        scores = real[:, self._score] if self._activation is None else self._activation(real[:, self._score])
        told: npt.NDArray[Any] = real[:, self._class]
        if self._class < 0:
            told = self._numbers(outputs, len(rows))[index]
        numbers = class_numbers(told, self._spec.name, quantized=self._spec.quantized)
        return Found(index, numbers, finite(scores, self._spec.name))

    def _numbers(self, outputs: Outputs, count: int) -> npt.NDArray[np.float64]:
        """float64[count]: the class of each row, of an output of its own; 0 where there is none."""
        if not self._classes:
            return np.zeros(count)
        (spec,) = self._classes
        found = np.asarray(spec.dequantize(outputs.stored(spec.name)), np.float64).reshape(-1)
        if len(found) != count:
            raise ArtifactError(
                f"output {spec.name!r}: expected the class of each of {count} boxes, the model gave {len(found)}"
            )
        return found

    def places(self, outputs: Outputs, index: Integers, wh: tuple[float, float]) -> Floats:
        """See `Head`."""
        real = np.asarray(self._spec.dequantize(self._rows(outputs)[index]), np.float32)
        boxes = sides(real[:, self._box : self._box + 4], self._order)
        rows = with_points(boxes, real[:, self._points :], self._count)
        return in_pixels(rows, wh) if self._normalized else rows
