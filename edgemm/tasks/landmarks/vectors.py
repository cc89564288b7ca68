"""Points from a vector: some numbers for each point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import ArtifactError
from edgemm.tasks.doubt import Doubt
from edgemm.tasks.landmarks.recipe import LandmarksRecipe
from edgemm.tasks.scores import sigmoid
from edgemm.tensors import TensorSpec

Floats = npt.NDArray[np.float32]
_FAR_OUT = 8.0
"""Times the input's side: so far away no network guesses a point."""
_TINY, _LEAST_SIDE = 1.5, 16
"""Pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points in the input tensor."""

    xy: Floats
    """float32[k, 2] in pixels of the tensor, continuous."""
    scores: Floats | None
    """float32[k], 0..1; None where the model gives none."""
    depths: Floats | None = None
    """float32[k] in pixels of the tensor along x; None where the model gives none. May be the session's own memory."""


class VectorReader:
    """The numbers of an output, in the order that the recipe says."""

    def __init__(self, recipe: LandmarksRecipe, spec: TensorSpec, count: int) -> None:
        """
        Args:
            spec: of the output, whose size is a multiple of the numbers of one point.
            count: points to keep.
        """
        self._name, self._shape, self._unit = spec.name, spec.shape, recipe.unit
        self._width, self._count, self._size = len(recipe.values), count, math.prod(spec.shape)
        self._xy = [recipe.values.index("x"), recipe.values.index("y")]
        self._z = recipe.values.index("z") if "z" in recipe.values else None
        self._score = recipe.values.index("score") if "score" in recipe.values else None
        self._logits = recipe.scores == "logits"
        self._doubt, self._unseen = Doubt(), True

    def __call__(self, real: npt.NDArray[Any], tensor_wh: tuple[int, int]) -> Points:
        """The points of one run.

        Args:
            real: the output, dequantized.
            tensor_wh: pixels of the input tensor; (0, 0) where it is no picture: coordinates then stay as they are.

        Raises:
            ArtifactError: another size than the file says.
        """
        if real.size != self._size:
            raise ArtifactError(
                f"output {self._name!r}: expected the shape {list(self._shape)}, found {list(real.shape)}. "
                "Read the outputs as they are with model.run(...)"
            )
        rows = real.reshape(-1, self._width)[: self._count].astype(np.float32, copy=False)
        xy = rows[:, self._xy]
        depths = None if self._z is None else rows[:, self._z]
        if self._unseen:
            self._look_at_unit(xy, tensor_wh)
        if self._unit != "pixels" and all(tensor_wh):
            factor, shift = (1.0, 0.0) if self._unit == "fraction" else (0.5, 0.5)
            xy = ((xy * factor + shift) * tensor_wh).astype(np.float32)
            depths = None if depths is None else depths * np.float32(factor * tensor_wh[0])
        scores = None
        if self._score is not None:
            scores = rows[:, self._score]
            scores = sigmoid(scores) if self._logits else self._clipped(scores)
        return Points(xy, scores, depths)

    def _clipped(self, scores: Floats) -> Floats:
        low, high = float(scores.min()), float(scores.max())
        if low < 0 or high > 1:
            self._doubt.probabilities(low, high, f"scores in output {self._name!r}", '"scores": "logits"')
        return np.clip(scores, 0.0, 1.0)

    def _look_at_unit(self, xy: Floats, tensor_wh: tuple[int, int]) -> None:
        """Of the first picture: whether its points can be in the unit that the card says."""
        self._unseen = False
        far, side = float(np.abs(xy).max(initial=0)), max(tensor_wh)
        if side <= _LEAST_SIDE or not math.isfinite(far):
            return
        if self._unit != "pixels" and far > _FAR_OUT:
            self._doubt.say(
                "unit", "output %r: places up to %.3g in the unit %s. Are they in pixels? Then say "
                '"unit": "pixels" in the card', self._name, far, self._unit,
            )  # fmt: skip
        elif self._unit == "pixels" and 0 < far <= _TINY:
            self._doubt.say(
                "unit", "output %r: all places lie within %.2g pixels of the corner of an input of %dx%d. Are they "
                'fractions? Then say "unit": "fraction" in the card', self._name, far, *tensor_wh,
            )  # fmt: skip
