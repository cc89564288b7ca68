"""From one output to a map of classes, in the size of the output."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import ArtifactError
from edgemm.tasks.doubt import Doubt
from edgemm.tasks.scores import sigmoid
from edgemm.tasks.segmentation.argmax import best_class, planes_of
from edgemm.tasks.segmentation.form import Form
from edgemm.tasks.segmentation.recipe import SegmentationRecipe
from edgemm.tasks.segmentation.room import Room
from edgemm.tasks.thresholds import stored_threshold
from edgemm.tensors import TensorSpec

Array = npt.NDArray[Any]
_VOID = 255
"""What data sets have where nobody knows."""


class MapReader:
    """Reads the stored numbers of an output as its form and recipe say; nothing is dequantized.

    A scale that is the same for all scores does not change which one is the highest, and a threshold is moved to the
    stored numbers once.
    """

    def __init__(
        self, form: Form, recipe: SegmentationRecipe, dtype: type[np.unsignedinteger[Any]], labels: int = 0
    ) -> None:
        """
        Args:
            dtype: of the class numbers: uint8 or uint16.
            labels: how many the card has; 0 without.
        """
        self._form, self._dtype = form, dtype
        logits = recipe.decode == "logits"
        self._threshold = stored_threshold(form.spec, recipe.threshold, sigmoid if logits else None)
        self._between = _between(form.spec, _logit(recipe.threshold) if logits else recipe.threshold)
        self._largest, self._labels = int(np.iinfo(dtype).max), labels
        self._doubt, self._unseen = Doubt(), not logits

    def planes(self, stored: Array, room: Room) -> Array:
        """The output as [channels, h, w].

        Raises:
            ArtifactError: it has another shape than the file says.
        """
        form = self._form
        hw = form.grid_hw(stored.shape)
        if hw is None:
            raise ArtifactError(
                f"output {form.spec.name!r}: expected the shape {list(form.spec.shape)}, found {list(stored.shape)}. "
                "Read the outputs as they are with model.run(...)"
            )
        if form.channels == 1:
            return stored.reshape(1, *hw)
        shape = (*hw, form.channels) if form.channels_last else (form.channels, *hw)
        return planes_of(stored.reshape(shape), form.channels, room, channels_last=form.channels_last)

    def __call__(self, stored: Array, room: Room) -> Array:
        """uint8[h, w] or uint16[h, w]: valid until the next call with the same room.

        Raises:
            ArtifactError: another shape than the file says; NaN among the scores; class numbers that are negative or
                too large.
        """
        planes = self.planes(stored, room)
        if self._form.kind == "classes":
            return self._numbered(planes[0], room)
        if self._form.kind == "binary":
            if self._unseen:
                self._look_at_scores(planes[0])
            return self.above(planes[0], room)
        return self.highest(planes, room)

    def _look_at_scores(self, stored: Array) -> None:
        """Of the first picture: whether they can be probabilities."""
        self._unseen = False
        ends = np.array([stored.min(), stored.max()]) if stored.size else np.zeros(2)
        low, high = map(float, self._form.spec.dequantize(ends.astype(stored.dtype)))
        if math.isfinite(low) and math.isfinite(high):
            self._doubt.probabilities(low, high, f"output {self._form.spec.name!r}", '"decode": "logits"')

    def highest(self, planes: Any, room: Room) -> Array:
        """The class with the highest score of each pixel; `planes` may be any iterable."""
        classes, best = best_class(planes, room, self._dtype)
        self._refuse_nan(best)
        return classes

    def above(self, scores: Array, room: Room) -> Array:
        """1 where a score reaches the threshold, else 0: of scores as the file stores them."""
        self._refuse_nan(scores)
        reached = room.array("reached", scores.shape, np.bool_)
        if self._threshold is None:
            reached[...] = False
        else:
            np.greater_equal(scores, self._threshold, out=reached)
        return reached.view(np.uint8)

    def above_between(self, scores: npt.NDArray[np.float32], room: Room) -> Array:
        """The same for scores that were interpolated between the stored ones."""
        self._refuse_nan(scores)
        reached = room.array("reached", scores.shape, np.bool_)
        np.greater_equal(scores, self._between, out=reached)
        return reached.view(np.uint8)

    def _numbered(self, numbers: Array, room: Room) -> Array:
        if numbers.dtype == np.bool_:
            return numbers.view(np.uint8)
        if not numbers.size:
            return numbers
        if numbers.dtype == self._dtype:
            if self._labels:
                self._look_at_class(int(numbers.max()))
            return numbers
        low, high = int(numbers.min()), int(numbers.max())
        self._look_at_class(high)
        if low < 0 or high > self._largest:
            raise ArtifactError(
                f"output {self._form.spec.name!r}: expected class numbers from 0 to {self._largest}, found {low} to "
                f"{high}. Is it an output with scores? Then correct `kind` in the card; more than 256 classes need "
                "their labels in the card"
            )
        classes = room.array("classes", numbers.shape, self._dtype)
        np.copyto(classes, numbers, casting="unsafe")
        return classes

    def _look_at_class(self, highest: int) -> None:
        if self._labels and self._labels <= highest != _VOID:
            self._doubt.say(
                "class", "output %r: the model gave class %d, and the card has %d labels. Correct the labels",
                self._form.spec.name, highest, self._labels,
            )  # fmt: skip

    def _refuse_nan(self, scores: Array) -> None:
        """One pass: NaN carries over to the minimum."""
        if scores.dtype.kind == "f" and scores.size and math.isnan(scores.min()):
            raise ArtifactError(
                f"output {self._form.spec.name!r}: found NaN among the scores, which cannot be ranked. "
                'Try another delegate (delegate="cpu"); if that is the same, convert or train the model again'
            )


def _logit(threshold: float) -> float:
    """The number whose sigmoid is `threshold`; infinite for 0 and 1."""
    if not 0.0 < threshold < 1.0:
        return math.inf if threshold > 0 else -math.inf
    return math.log(threshold / (1.0 - threshold))


def _between(spec: TensorSpec, real: float) -> np.float32:
    """A real number in the unit of the stored ones, not rounded to one of them."""
    return np.float32(real / spec.scale + spec.zero_point if spec.quantized else real)
