"""A map of one answer, from questions alone: the file may be int8, and of any runtime."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgemm import signals
from edgemm.choices import choice
from edgemm.errors import InputError
from edgemm.judge.maps.map import Map
from edgemm.judge.maps.methods import METHODS, Effort
from edgemm.judge.maps.open_parts import parts_of
from edgemm.judge.maps.question import Target, question
from edgemm.media import Captured
from edgemm.model.bundle import BundleModel
from edgemm.model.coerce import as_block, as_frame, as_text
from edgemm.model.model import Model

CELLS = 8
RUNS = 400
MOST_CELLS, MOST_RUNS = 256, 1_000_000


def explain(
    model: Model,
    x: Any,
    *,
    method: str = "occlusion",
    target: Target = None,
    seed: int = 0,
    sample_rate: int | None = None,
    cells: int = CELLS,
    runs: int = RUNS,
    baseline: str = "",
) -> Map:
    """Which parts of an input an answer rests on.

    The model is asked with parts of the input hidden, hundreds of times. Nothing of its inside is looked at.

    Args:
        x: what the model is called with: a picture, sound, or text.
        method: "occlusion": a patch is moved over the input; "masks": random, smooth masks.
        target: the answer to explain: None for the best one; a label; or a number, of a class, or of a detector's
            boxes, best first. Of a segmentation, the region of a class.
        seed: of the masks: equal seeds give equal maps.
        sample_rate: hertz, of bare samples.
        cells: patches, or cells of a mask, along each axis; of texts each word is one.
        runs: how many masks.
        baseline: what stands where the input is hidden: see `edgemm.judge.maps.parts_of`.

    Raises:
        InputError: the model's task has no one score, it found nothing, or an argument is out of range.
        CardError: the card does not say how pictures, sound or text become the input.
    """
    choice("method", method, tuple(METHODS))
    effort = Effort(
        _whole("cells", cells, 1, MOST_CELLS), _whole("runs", runs, 2, MOST_RUNS), _whole("seed", seed, 0)
    )
    item = as_item(model, x, sample_rate)
    parts = parts_of(item, baseline)
    asked = question(model, item, target)
    try:
        values, count = METHODS[method](parts, asked, effort, signals.check)
        about = {"target": asked.label, "score": asked.score, "method": method, "runs": count + 1}
        return parts.drawn(values, about)
    finally:
        asked.close()


def as_item(model: Model, x: Any, sample_rate: int | None = None) -> Captured:
    """What a model is called with, as a frame, a block or a text.

    Raises:
        InputError: it is something else, or the model takes bare tensors.
    """
    if not isinstance(model, Model):
        raise InputError(
            "a map is made of a model of one file: expected a .tflite or .onnx file, found "
            + (
                "a bundle, whose networks call each other"
                if isinstance(model, BundleModel)
                else repr(type(model).__name__)
            )
        )
    if model.modality == "image":
        return as_frame(x)
    if model.modality == "audio":
        return as_block(x, sample_rate)
    if model.modality == "text":
        return as_text(x)
    raise InputError(
        "a map: expected a model whose card says how pictures, sound or text become its input; this one takes tensors"
    )


def _whole(name: str, number: Any, least: int, most: int | None = None) -> int:
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not whole or number < least or (most is not None and number > most):
        limit = f"from {least} to {most}" if most is not None else f"of {least} or more"
        raise InputError(f"{name}: expected a whole number {limit}, found {number!r}")
    return int(number)
