"""The task "landmarks": the points of one face, body or hand, in pixels of the source."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from edgemm.errors import ArtifactError
from edgemm.results import Landmarks
from edgemm.tasks.context import Context
from edgemm.tasks.doubt import Doubt
from edgemm.tasks.landmarks.form import PointsForm, find_points, find_presence, find_refining
from edgemm.tasks.landmarks.heat_maps import HeatMapReader
from edgemm.tasks.landmarks.recipe import LandmarksRecipe
from edgemm.tasks.landmarks.refining import Refining
from edgemm.tasks.landmarks.vectors import Floats, Points, VectorReader
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.scores import sigmoid
from edgemm.tensors import TensorSpec

_FAR = 1e9
"""Pixels: no picture is so large."""


class LandmarksDecoder:
    """One `Landmarks` for each run; keeps no state. See `edgemm.tasks.decoder.Decoder`."""

    def __init__(
        self,
        recipe: LandmarksRecipe,
        form: PointsForm,
        presence: TensorSpec | None,
        refining: TensorSpec | None = None,
    ) -> None:
        """
        Args:
            form: which output holds the points, how many, and their names.
            presence: the output that tells whether the thing is there; None where there is none.
            refining: the output whose heat maps move the points; None where there is none.
        """
        self._recipe, self._form, self._presence = recipe, form, presence
        self.key_points = form.count
        """See `edgemm.tasks.decoder.TellsItsPoints`."""
        self._refine = None if refining is None else Refining(recipe, refining)
        self._vectors, self._doubt = recipe.form == "vectors", Doubt()
        self._read: VectorReader | HeatMapReader
        if self._vectors:
            self._read = VectorReader(recipe, form.spec, form.count)
        else:
            self._read = HeatMapReader(recipe, form.spec, form.count, channels_last=form.channels_last)

    def begin(self) -> Any:
        """There is no state."""
        return None

    def decode(self, outputs: Outputs, context: Context, state: None) -> Iterable[Landmarks]:
        """The points of one picture.

        Points may lie outside of the source: a network guesses where hidden ones are. Where the presence is below the
        recipe's threshold, the result has no points, names or lines: `points_xy` has the shape (0, 2).

        Raises:
            ArtifactError: the model gave NaN or infinity, or another shape than its file says.
        """
        there = 1.0 if self._presence is None else self._flag(outputs, self._presence)
        if there < self._recipe.threshold:
            return (_nothing(there),)
        name = self._form.spec.name
        numbers = outputs.real(name) if self._vectors else outputs.stored(name)
        points = self._read(numbers, context.tensor_wh)
        if self._refine is not None:
            points = self._refine(points, outputs, context.tensor_wh)
        if self._presence is None and points.scores is not None:
            there = float(points.scores.mean())
            if there < self._recipe.threshold:  # NaN is not
                return (_nothing(there),)
        return (self._landmarks(points, context, there),)

    def end(self, context: Context, state: None) -> Iterable[Landmarks]:
        """Nothing: every picture is complete."""
        return ()

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Landmarks:
        """The points of one picture."""
        (result,) = self.decode(windows[-1], context, None)
        return result

    def _flag(self, outputs: Outputs, spec: TensorSpec) -> float:
        found = outputs.real(spec.name)
        number = float(found.reshape(-1)[0]) if found.size == 1 else math.nan
        if math.isnan(number):
            raise ArtifactError(
                f"output {spec.name!r}: expected one number, that the thing is there, found "
                f"{'NaN' if found.size == 1 else f'shape {list(found.shape)}'}. Correct `presence` in the card"
            )
        if self._recipe.presence_decode == "logit":
            return float(sigmoid(np.array(number)))
        self._doubt.probabilities(number, number, f"output {spec.name!r}", '"presence_decode": "logit"')
        return min(max(number, 0.0), 1.0)

    def _landmarks(self, points: Points, context: Context, there: float) -> Landmarks:
        with np.errstate(over="ignore", invalid="ignore"):
            xy = context.points(points.xy)
            along_x = np.float32(math.hypot(*context.to_source[:, 0]))
            depths = None if points.depths is None else points.depths * along_x
        scores = np.ones(len(xy), np.float32) if points.scores is None else points.scores
        for array in (xy, scores, *(() if depths is None else (depths,))):
            self._refuse_infinite(array)
        return Landmarks(xy, scores, there, self._form.names, self._form.edges, depths)

    def _refuse_infinite(self, numbers: Floats) -> None:
        bad = int(np.count_nonzero(~(np.abs(numbers) < _FAR)))  # NaN is not
        if bad:
            raise ArtifactError(
                f"output {self._form.spec.name!r}: {bad} of the {numbers.size} numbers of its points are NaN or "
                'infinite, or beyond 1e9. Try another delegate (delegate="cpu"); if that is the same, convert or train '
                "the model again"
            )


def _nothing(there: float) -> Landmarks:
    return Landmarks(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), there)


class LandmarksTask:
    """See `edgemm.tasks.decoder.Task`."""

    name: ClassVar[str] = "landmarks"
    version: ClassVar[int] = 1
    Recipe: ClassVar[type[Any]] = LandmarksRecipe

    def open(self, card: Any, recipe: LandmarksRecipe, outputs: Sequence[TensorSpec]) -> LandmarksDecoder:
        """What decodes this model; the card's labels are the names of points where the recipe has none.

        Raises:
            CardError: no output fits the recipe; or names, lines and points do not fit.
        """
        form = find_points(recipe, tuple(card.labels), outputs)
        refining = find_refining(recipe, outputs, form.count)
        return LandmarksDecoder(recipe, form, find_presence(recipe, outputs), refining)
