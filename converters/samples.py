"""Real data for calibration and for measuring: folders, .npz files, or plain arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import InputCard
from edgemm.converters.sample_arrays import (
    Sample,
    Samples,
    as_sample,
    from_arrays,
    kind_of,
    parts_of,
    read_arrays,
    spread,
)
from edgemm.converters.sample_texts import as_inputs, load_texts
from edgemm.errors import InputError, SourceError
from edgemm.judge.data.class_texts import LabelledText, is_texts
from edgemm.judge.data.folders import folder_classes
from edgemm.media import AudioBlock, Frame
from edgemm.preprocess.tiles import Tile, cut
from edgemm.preprocess.window import CLIP_STRIDES
from edgemm.tasks.picture.tiling import Tiling
from edgemm.tensors import TensorSpec

__all__ = ["Sample", "Samples", "load_samples"]


def load_samples(
    data: str | Path | Iterable[Any],
    specs: Sequence[TensorSpec],
    cards: Sequence[InputCard],
    *,
    classes: Sequence[str] = (),
    limit: int = 256,
    option: str = "--calibrate",
    strides: int = CLIP_STRIDES,
    files: Mapping[str, bytes] | None = None,
    tiling: Tiling | None = None,
) -> Samples:
    """Calibration data as the model's inputs.

    Args:
        data: a folder of pictures or recordings (through the card's own preprocessing; one sub-folder
            per class gives labels), an .npz whose arrays are named as the inputs with the samples along
            the first dimension (`labels` holds the answers), an .npy of the samples of a single input, a file of
            texts (see `sample_texts`), or an iterable of arrays, of dictionaries or of texts.
        specs: the source model's inputs.
        cards: the card's inputs, by the same names.
        classes: the card's labels, to give sub-folders their number.
        limit: at most so many samples, spread evenly over what is there.
        option: what the data was given as, for messages.
        strides: of the card, between two windows of a recording; 1 for a model that goes on where it was.
        files: the card's vocabularies.
        tiling: of pictures that the card has cut into tiles.

    Raises:
        InputError: there is no usable data; the message says what was expected.
    """
    if isinstance(data, str | Path):
        path = Path(data)
        kind = kind_of(path, option)
        if kind == "folder":
            return _from_folder(path, specs, cards, classes, limit, option, strides, tiling)
        if kind == "arrays":
            return from_arrays(
                *read_arrays(path, specs, option), specs, limit, f"{option} {path}", len(classes)
            )
        if kind and is_texts(path):
            return load_texts(
                path, specs, cards, files or {}, classes=classes, limit=limit, option=option
            )  # fmt: skip
        raise InputError(
            f"{option} {path}: expected a folder of pictures or recordings, an .npz of tensors, an .npy for a single "
            "input, or a file of texts (.txt, .jsonl, .csv, .tsv); "
            + ("found another kind of file" if kind else "there is nothing of that name")
        )
    if isinstance(data, Mapping | bytes | bytearray) or not isinstance(data, Iterable):
        raise InputError(
            f"{option}: expected a folder, an .npz, or a sequence with one array or dictionary for each sample, found "
            f"{type(data).__name__}"
        )
    items = list(data)
    of_text = any(each.modality == "text" for each in cards)
    if of_text and items and all(isinstance(each, str) for each in items):
        texts = [LabelledText(each, line=at) for at, each in enumerate(items, 1)]
        return Samples(
            as_inputs(spread(texts, limit), specs, cards, files or {}, option),
            names=tuple(str(each.line - 1) for each in spread(texts, limit)),
        )
    inputs = tuple(as_sample(item, specs, option) for item in items)
    if not inputs:
        raise InputError(f"{option}: expected samples, found an empty sequence. Give some, or leave it out")
    return Samples(spread(inputs, limit), names=tuple(map(str, spread(range(len(inputs)), limit))))


def _from_folder(
    path: Path,
    specs: Sequence[TensorSpec],
    cards: Sequence[InputCard],
    classes: Sequence[str],
    limit: int,
    option: str,
    strides: int,
    tiling: Tiling | None,
) -> Samples:
    described = [card for card in cards if card.modality in ("image", "audio")]
    if len(specs) != 1:
        listed = ", ".join(spec.name for spec in specs[:SHOWN]) + (", ..." if len(specs) > SHOWN else "")
        raise InputError(
            f"{option} {path}: a folder serves a model with one input, and this one has {len(specs)}: {listed} "
            "(states, which are carried from call to call, are inputs too). Give an .npz of tensors"
        )
    if len(described) != 1:
        raise InputError(
            f"{option} {path}: a folder serves a model with one picture or sound input whose "
            "preprocessing the card describes. Give a card (--card, --preset), or an .npz of tensors"
        )
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    wanted = PICTURES if described[0].modality == "image" else {".wav"}
    files = [file for file in files if file.suffix.lower() in wanted]
    if not files:
        raise InputError(f"{option} {path}: no files of type {', '.join(sorted(wanted))} in it")
    order = folder_classes(path, files, classes, option)  # of all files, before the limit takes some
    inputs: list[Sample] = []
    labels: list[int] = []
    names: list[str] = []
    for file in spread(files, limit):
        arrays = list(_prepared(file, described[0], specs[0], option, strides, tiling))
        inputs += ({specs[0].name: array} for array in arrays)
        labels += [order.get(file.parent.name, -1) if file.parent != path else -1] * len(arrays)
        names += parts_of(file.relative_to(path).as_posix(), len(arrays))
    if not inputs:
        raise InputError(f"{option} {path}: its files hold no whole sample of input {specs[0].name!r}")
    kept = spread(labels, limit)
    known = np.array(kept, np.int64) if min(kept) >= 0 else None
    return Samples(spread(inputs, limit), known, names=spread(names, limit))


SHOWN = 4
"""Names of inputs that a message gives."""
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}
"""File types that count as pictures in a folder."""


TILES = 16
"""Of one picture that are looked at, spread over it."""


def some_tiles(
    pixels: npt.NDArray[np.uint8], size_wh: tuple[int, int], tiling: Tiling
) -> list[npt.NDArray[np.uint8]]:
    """Some of the tiles that a picture is cut into."""
    return [each.pixels for each in tiles_of(pixels, size_wh, tiling)]


def tiles_of(pixels: npt.NDArray[np.uint8], size_wh: tuple[int, int], tiling: Tiling) -> tuple[Tile, ...]:
    """The same, with where they lie."""
    return spread(list(cut(pixels, size_wh, tiling.margin, tiling.blend)), TILES)


def _prepared(
    file: Path, card: InputCard, spec: TensorSpec, option: str, strides: int, tiling: Tiling | None
) -> Iterator[npt.NDArray[Any]]:
    """The tensors that the card's own preprocessing makes of one file.

    Raises:
        InputError: the file cannot be read; it is named.
    """
    try:
        yield from _tensors(file, card, spec, strides, tiling)
    except SourceError as error:
        raise InputError(
            f"{option}: {file} cannot be read: {error}. Remove the file, or replace it"
        ) from error


def _tensors(
    file: Path, card: InputCard, spec: TensorSpec, strides: int, tiling: Tiling | None
) -> Iterator[npt.NDArray[Any]]:
    from edgemm.capture import open_source
    from edgemm.preprocess import compile_audio, compile_image

    with open_source(str(file)) as source:
        if card.modality == "image":
            image = compile_image(card, spec)
            while isinstance(item := source.read(), Frame):
                for pixels in (
                    [item.pixels] if tiling is None else some_tiles(item.pixels, image.size_wh, tiling)
                ):
                    out = np.empty(spec.shape, spec.dtype)
                    image(pixels, item.color, out)
                    yield out
            return
        window = compile_audio(card, spec)
        heard = []
        rate = 0
        while isinstance(item := source.read(), AudioBlock):
            heard.append(item.samples)
            rate = item.sample_rate
        if heard:
            yield from window.clip(np.concatenate(heard), rate, strides)
