"""Guesses about a model that says nothing about itself, from the shapes of its tensors: for `edgemm card new` alone.

Loading a model never uses them. Each has a word for how sure it is, and a reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgemm.foreign.draft import Outside, layout_of, sizes
from edgemm.foreign.guess_boxes import guess_boxes
from edgemm.foreign.guess_distances import guess_distances
from edgemm.foreign.guess_maps import guess_map
from edgemm.foreign.guess_points import guess_points
from edgemm.foreign.guesses import Confidence, Guess, Read
from edgemm.foreign.picture import holds_pixels
from edgemm.tensors import TensorSpec

SMALLEST_SIDE = 8
"""Pixels of a picture."""
_LETTERBOX = {"resize": "letterbox", "pad_value": 114, "scale": 1 / 255, "mean": [0.0], "std": [1.0]}
"""As YOLO networks have it."""


@dataclass(frozen=True, slots=True)
class Guessed:
    """A card's JSON, and why it says what it says."""

    content: dict[str, Any]
    guesses: tuple[Guess, ...]

    def sentences(self) -> list[str]:
        """For people: one for each guess."""
        return [each.sentence() for each in self.guesses]


def guess_card(file: Outside) -> Guessed:
    """What a model with these tensors probably is.

    Args:
        file: its inputs, outputs, and what makes the outputs ("" where that is not known).
    """
    inputs, guesses = zip(*(_input(spec) for spec in file.inputs), strict=True) if file.inputs else ((), ())
    content: dict[str, Any] = {"inputs": list(inputs)}
    pictures = len(inputs) == 1 and inputs[0].get("modality") == "image"
    read = _read(file) if pictures else None
    if read is None:
        read = Read(
            "tensors",
            {},
            Guess(
                "task tensors: outputs as they are",
                "unsure",
                "their shapes are those of no task that is known here",
            ),
        )
    if read.letterbox and pictures:
        inputs[0]["image"] |= _LETTERBOX
    content |= {"task": read.task} | ({read.task: read.section} if read.section else {})
    content["outputs"] = [
        {"name": spec.name, "decode": read.decode.get(spec.name, "raw")} for spec in file.outputs
    ]
    if read.classes:
        content["labels"] = [f"class {at}" for at in range(read.classes)]
    return Guessed(content, (*guesses, read.guess))


def _read(file: Outside) -> Read | None:
    """The first reading of the outputs that fits their shapes."""
    spec = file.inputs[0]
    width, height, _ = sizes(spec, layout_of(spec))
    readers: tuple[Callable[[Outside, tuple[int, int]], Read | None], ...] = (
        guess_distances,
        guess_boxes,
        guess_points,
        guess_map,
        _classes,
    )
    return next((read for each in readers if (read := each(file, (width, height))) is not None), None)


def _input(spec: TensorSpec) -> tuple[dict[str, Any], Guess]:
    layout = layout_of(spec)
    sides = sizes(spec, layout)[:2] if layout else (0, 0)
    small = any(0 <= side < SMALLEST_SIDE for side in sides)
    what = f"input {spec.name!r}"
    if not layout or small or not holds_pixels(spec):
        why = f"{spec.dtype}{list(spec.shape)} is not the shape of a picture"
        return {"name": spec.name}, Guess(f"{what}: a tensor", "likely", why)
    color = "gray" if sizes(spec, layout)[2] == 1 else "rgb"
    words = {"gray": "a grey", "rgb": "an RGB"}
    image: dict[str, Any] = {"color": color}
    sure: Confidence = "unsure"
    told = "color, resize, scale, mean and std are the most common ones: take those that the model was trained with"
    if spec.dtype == "uint8":
        scale = spec.scale or 1.0
        image |= {"scale": scale, "mean": [spec.zero_point * spec.scale], "std": [1.0]}
        sure, told = (
            "likely",
            "it stores bytes, pixels as they are; color and resize are the most common ones",
        )
    return {"name": spec.name, "modality": "image", "layout": layout, "image": image}, Guess(
        f"{what}: {words[color]} picture, {layout}", sure, f"its shape is {list(spec.shape)}; {told}"
    )


def _classes(file: Outside, size_wh: tuple[int, int]) -> Read | None:
    """One row of scores."""
    if len(file.outputs) != 1:
        return None
    spec, producer = file.outputs[0], file.producers[0].upper()
    count = math.prod(spec.shape[1:])
    if len(spec.shape) != 2 or spec.shape[0] not in (1, -1) or count < 2:
        return None
    normal = {"SOFTMAX": "probabilities", "LOGISTIC": "probabilities", "SIGMOID": "probabilities"}
    decode = normal.get(producer, "logits")
    sure: Confidence = "likely" if producer in normal else "unsure"
    ends = f"the model ends in {producer.lower()}" if producer else "what the model ends in is not known"
    guess = Guess(
        f"task classification, decode {decode}, {count} labels by number",
        sure,
        f"the only output is one row of {count} numbers, and {ends}: put names in the labels' place. An embedding has "
        'the same shape: then say "task": "tensors"',
    )
    return Read("classification", {}, guess, {spec.name: decode}, count)
