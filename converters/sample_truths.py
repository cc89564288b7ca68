"""Samples from pictures whose truth is known: boxes, masks, points."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import InputCard, ModelCard
from edgemm.converters.sample_arrays import Samples, spread
from edgemm.errors import InputError, SourceError
from edgemm.judge.data import read_truth, truth_kind
from edgemm.media import Frame
from edgemm.preprocess.placement import Placement
from edgemm.tasks.context import Context
from edgemm.tensors import TensorSpec


def has_truths(data: Any, card: ModelCard) -> bool:
    """The data are pictures with truths of the card's task."""
    return isinstance(data, str | Path) and truth_kind(Path(data), card.task) != ""


def load_truths(
    path: str | Path, card: ModelCard, specs: Sequence[TensorSpec], limit: int, option: str
) -> Samples:
    """The pictures, through the card's own preprocessing, and what is right about them.

    Args:
        card: with task, labels and inputs.
        specs: the source model's inputs.
        limit: at most so many pictures, spread evenly over what is there.
        option: what the data was given as, for messages.

    Raises:
        InputError: a picture or a truth cannot be read, or the model does not take one picture.
    """
    entries = [entry for entry in card.inputs if entry.modality == "image" and entry.image is not None]
    if len(specs) != 1 or len(entries) != 1:
        raise InputError(
            f"{option} {path}: pictures serve a model with one picture input whose preprocessing the card describes. "
            "Give a card (--card, --preset), or an .npz of tensors"
        )
    try:
        data = read_truth(path, card.task, labels=card.labels)
    except InputError as error:
        raise InputError(f"{option}: {error}") from error
    chosen = spread(data.samples, limit)
    loaded = [_picture(each.picture, entries[0], specs[0], option) for each in chosen]
    truths = tuple(
        partial(each.truth, context.source_wh) for each, (_, context) in zip(chosen, loaded, strict=True)
    )
    if card.task == "detection" and not any(_counts(truth()) for truth in truths):
        raise InputError(
            f"{option} {path}: none of its {len(truths)} pictures has a box to be found (crowds do not count), so that "
            "nothing can be judged. Give other data"
        )
    return Samples(
        tuple({specs[0].name: array} for array, _ in loaded),
        truths=truths,
        contexts=tuple(context for _, context in loaded),
    )


def _counts(truth: Any) -> bool:
    """There is a box that a detector can miss."""
    return bool((~(truth.crowd | truth.ignored)).any())


def _picture(file: Path, card: InputCard, spec: TensorSpec, option: str) -> tuple[npt.NDArray[Any], Context]:
    from edgemm.capture import open_source
    from edgemm.preprocess import compile_image

    image, out = compile_image(card, spec), np.empty(spec.shape, spec.dtype)
    try:
        with open_source(str(file)) as source:
            frame = source.read()
    except SourceError as error:
        raise InputError(
            f"{option}: {file} cannot be read: {error}. Remove the file, or replace it"
        ) from error
    if not isinstance(frame, Frame):
        raise InputError(f"{option}: {file} holds no picture. Remove the file, or replace it")
    image(frame.pixels, frame.color, out)
    return out, placed(image.placement(frame.pixels.shape))


def placed(at: Placement) -> Context:
    """How places in the tensor become places in the picture."""
    return Context(at.to_source, at.source_wh, at.size_wh)
