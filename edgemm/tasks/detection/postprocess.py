"""Head postprocess: four outputs of an operator that did NMS, as TFLite_Detection_PostProcess and EfficientNMS do."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from edgemm.errors import ArtifactError, CardError
from edgemm.tasks.detection import layout
from edgemm.tasks.detection.activations import activation
from edgemm.tasks.detection.head import Floats, Found, Integers, nothing
from edgemm.tasks.detection.places import in_pixels, sides
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.detection.search import class_numbers, finite, require_numbers
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.thresholds import stored_threshold
from edgemm.tensors import TensorSpec

ROLES = ("boxes", "classes", "scores", "count")
"""In the order of TFLite_Detection_PostProcess."""
_REVERSED = "StatefulPartitionedCall"
"""Outputs of TensorFlow 2 are numbered by the alphabet of their names: count, scores, classes, boxes."""
_WORDS = (
    ("count", "num|count|valid"),
    ("boxes", "box|loc"),
    ("classes", "class|label"),
    ("scores", "score|conf"),
)


def roles(recipe: DetectionRecipe, specs: Sequence[TensorSpec]) -> dict[str, TensorSpec]:
    """Which output is what: by the recipe's names, by how exporters call and number them, or by shape.

    Raises:
        CardError: that leaves a doubt.
    """
    found = {
        role: layout.named(specs, getattr(recipe, f"{role}_outputs"), f"{role}_outputs")[0]
        for role in ROLES
        if getattr(recipe, f"{role}_outputs")
    }
    taken = {spec.name for spec in found.values()}
    rest = [spec for spec in specs if spec.name not in taken]
    missing = [role for role in ROLES if role not in found]
    if missing and missing != ["count"]:
        for way in (_by_number, _by_words, _by_shape):
            guess = way(rest)
            if set(missing) - {"count"} <= set(guess):
                found |= {role: guess[role] for role in missing if role in guess}
                break
        else:
            raise CardError(
                f"{missing[0]}_outputs: it is not clear which output has {', '.join(missing)}, found "
                f"{layout.listed(specs)}. Name them: boxes_outputs, classes_outputs, scores_outputs, count_outputs"
            )
    elif missing:
        found |= {
            role: spec for role, spec in (_by_number(rest) | _by_words(rest)).items() if role == "count"
        }
    _check(found)
    return found


def _by_number(specs: Sequence[TensorSpec]) -> dict[str, TensorSpec]:
    """All of one name, with a number behind each: TFLite_Detection_PostProcess, ...:1, ...:2, ...:3."""
    parts = [re.fullmatch(r"(.*?)(?::(\d))?", spec.name) for spec in specs]
    stems = {part.group(1) for part in parts if part}
    places = [int(part.group(2) or 0) for part in parts if part]
    if len(stems) != 1 or sorted(places) != [0, 1, 2, 3]:
        return {}
    order = ("count", "scores", "classes", "boxes") if _REVERSED in stems.pop() else ROLES
    return {order[place]: spec for place, spec in zip(places, specs, strict=True)}


def _by_words(specs: Sequence[TensorSpec]) -> dict[str, TensorSpec]:
    """By a word in the name; the first that fits, each once."""
    found: dict[str, TensorSpec] = {}
    for spec in specs:
        role = next((role for role, words in _WORDS if re.search(words, spec.name, re.IGNORECASE)), "")
        if not role or role in found:
            return {}
        found[role] = spec
    return found


def _by_shape(specs: Sequence[TensorSpec]) -> dict[str, TensorSpec]:
    """Boxes end in 4, the count is one number, class numbers are integers, or come before the scores."""
    boxes = [spec for spec in specs if len(spec.shape) >= 2 and spec.shape[-1] == 4]
    count = [spec for spec in specs if spec.shape and math.prod(spec.shape) == 1]
    rest = [spec for spec in specs if spec not in boxes and spec not in count]
    if len(boxes) != 1 or len(count) > 1 or len(rest) != 2:
        return {}
    whole = [spec for spec in rest if spec.dtype.startswith("int") and not spec.quantized]
    if len(whole) == 1:
        classes, scores = whole[0], next(spec for spec in rest if spec is not whole[0])
    elif specs[0] is boxes[0] and count == [specs[-1]]:
        classes, scores = rest
    else:
        return {}
    found = {"boxes": boxes[0], "classes": classes, "scores": scores}
    return found | dict(zip(("count",), count, strict=False))


def _check(found: dict[str, TensorSpec]) -> None:
    names = [spec.name for spec in found.values()]
    if len(set(names)) != len(names):
        raise CardError(f"boxes_outputs: expected a different output for each part, found {', '.join(names)}")
    if found["boxes"].shape and found["boxes"].shape[-1] not in (4, -1):
        raise CardError(
            f"boxes_outputs: expected [1, N, 4], found {list(found['boxes'].shape)} in {found['boxes'].name!r}"
        )
    layout.numbers(found["boxes"], "boxes")
    layout.numbers(found["scores"], "scores")
    size = {math.prod(found[role].shape) for role in ("classes", "scores") if _known(found[role])}
    if len(size) > 1:
        raise CardError(
            "classes_outputs: expected as many classes as scores, found "
            f"{layout.listed([found['classes'], found['scores']])}"
        )


def _known(spec: TensorSpec) -> bool:
    return bool(spec.shape) and min(spec.shape) > 0


class PostprocessHead:
    """Boxes, class numbers, scores and how many of them count.

    Raises:
        CardError: which output is what is not clear, or shapes do not fit.
    """

    suppressed = True

    def __init__(self, recipe: DetectionRecipe, specs: Sequence[TensorSpec]) -> None:
        found = roles(recipe, specs)
        self._boxes, self._classes, self._scores = found["boxes"], found["classes"], found["scores"]
        self._count = found.get("count")
        self._order = recipe.box or "yxyx"
        self._normalized = recipe.coordinates != "pixels"
        self._activation = activation(recipe.activation, recipe.score_clip)
        self._least = stored_threshold(self._scores, recipe.threshold, self._activation)

    def search(self, outputs: Outputs) -> Found:
        """See `Head`."""
        stored = outputs.stored(self._scores.name).reshape(-1)
        numbers = outputs.stored(self._classes.name).reshape(-1)
        if len(numbers) != len(stored) or outputs.stored(self._boxes.name).size != 4 * len(stored):
            raise ArtifactError(
                f"outputs {self._boxes.name!r}, {self._classes.name!r}, {self._scores.name!r}: expected N boxes, N "
                f"classes and N scores, the model gave {outputs.stored(self._boxes.name).size // 4}, {len(numbers)} "
                f"and {len(stored)}"
            )
        stored = stored[: self._valid(outputs, len(stored))]
        require_numbers(stored, self._scores.name)
        if self._least is None:
            return nothing()
        index = np.flatnonzero(stored >= self._least)
        scores = np.asarray(self._scores.dequantize(stored[index]), np.float32)
        scores = scores if self._activation is None else self._activation(scores)
        real = np.asarray(self._classes.dequantize(numbers[index]), np.float64)
        whole = class_numbers(real, self._classes.name, quantized=self._classes.quantized)
        return Found(index, whole, finite(scores, self._scores.name))

    def _valid(self, outputs: Outputs, most: int) -> int:
        """How many of the boxes count."""
        if self._count is None:
            return most
        told = np.asarray(self._count.dequantize(outputs.stored(self._count.name)), np.float64).reshape(-1)
        if told.size != 1 or not np.isfinite(told[0]):
            raise ArtifactError(
                f"output {self._count.name!r}: expected one number of boxes, the model gave {told[:4].tolist()}"
            )
        return int(min(max(round(float(told[0])), 0), most))

    def places(self, outputs: Outputs, index: Integers, wh: tuple[float, float]) -> Floats:
        """See `Head`."""
        stored = outputs.stored(self._boxes.name).reshape(-1, 4)[index]
        boxes = sides(np.asarray(self._boxes.dequantize(stored), np.float32), self._order)
        return in_pixels(boxes, wh) if self._normalized else boxes
