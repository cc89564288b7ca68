"""Samples from pictures whose truth is known: boxes, masks, points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import InputCard, ModelCard
from edgemm.converters.sample_arrays import Samples, spread
from edgemm.converters.samples import tiles_of
from edgemm.errors import InputError, SourceError
from edgemm.judge import TruePicture
from edgemm.judge.data import Labelled, read_truth, truth_kind
from edgemm.media import Frame
from edgemm.preprocess.placement import Placement
from edgemm.tasks.context import Context
from edgemm.tasks.picture.tiling import Tiling, tiling_of
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
    tiling = tiling_of(card)
    if tiling is not None:
        pieces = [piece for each in chosen for piece in _pieces(each, entries[0], specs[0], tiling, option)]
        inputs, parts = zip(*spread(pieces, limit), strict=True)
        return Samples(tuple({specs[0].name: array} for array in inputs), truths=tuple(parts))
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
        names=tuple(_name(each.picture, Path(path)) for each in chosen),
    )


def _name(picture: Path, folder: Path) -> str:
    """Of a picture, in the folder that was given where it lies in that."""
    return picture.relative_to(folder).as_posix() if picture.is_relative_to(folder) else picture.name


def _counts(truth: Any) -> bool:
    """There is a box that a detector can miss."""
    return bool((~(truth.crowd | truth.ignored)).any())


def _pieces(
    labelled: Labelled, card: InputCard, spec: TensorSpec, tiling: Tiling, option: str
) -> Iterator[tuple[npt.NDArray[Any], Callable[[], Any]]]:
    """Some tiles of a picture, and the parts of its target that are to be made of them."""
    from edgemm.preprocess import compile_image

    frame, image = _read(labelled.picture, option), compile_image(card, spec)
    height, width = frame.pixels.shape[:2]
    for tile in tiles_of(frame.pixels, image.size_wh, tiling):
        out = np.empty(spec.shape, spec.dtype)
        image(tile.pixels, frame.color, out)
        yield out, partial(_part, labelled, (width, height), tile.kept, tile.shows)


def _part(
    labelled: Labelled, source_wh: tuple[int, int], kept: tuple[slice, slice], shows: tuple[slice, slice]
) -> TruePicture:
    whole = labelled.truth(source_wh)
    assert isinstance(whole, TruePicture)
    (width, height), (rows, columns) = source_wh, whole.pixels.shape[:2]
    x, y = columns // width, rows // height
    if min(x, y) < 1 or (x * width, y * height) != (columns, rows):
        raise InputError(
            f"the target of {labelled.picture}: expected {width}x{height} pixels as the picture, or whole multiples, "
            f"found {columns}x{rows}"
        )
    part = whole.pixels[shows[0].start * y : shows[0].stop * y, shows[1].start * x : shows[1].stop * x]
    return TruePicture(part, at_xy=(kept[1].start * x, kept[0].start * y), within=True)


def _read(file: Path, option: str) -> Frame:
    from edgemm.capture import open_source

    try:
        with open_source(str(file)) as source:
            frame = source.read()
    except SourceError as error:
        raise InputError(
            f"{option}: {file} cannot be read: {error}. Remove the file, or replace it"
        ) from error
    if not isinstance(frame, Frame):
        raise InputError(f"{option}: {file} holds no picture. Remove the file, or replace it")
    return frame


def _picture(file: Path, card: InputCard, spec: TensorSpec, option: str) -> tuple[npt.NDArray[Any], Context]:
    from edgemm.preprocess import compile_image

    image, out = compile_image(card, spec), np.empty(spec.shape, spec.dtype)
    frame = _read(file, option)
    image(frame.pixels, frame.color, out)
    return out, placed(image.placement(frame.pixels.shape))


def placed(at: Placement) -> Context:
    """How places in the tensor become places in the picture."""
    return Context(at.to_source, at.source_wh, at.size_wh)
