"""Real data for calibration and for measuring: folders, .npz files, or plain arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import InputCard
from edgemm.errors import InputError
from edgemm.media import AudioBlock, Frame
from edgemm.tensors import TensorSpec

Sample = Mapping[str, npt.NDArray[Any]]
"""Input name -> array in the source model's own shape and layout, batch of 1 included."""

LABEL_KEYS = ("labels", "label", "y")
"""Names under which an .npz holds the right answers."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Prepared inputs, and the right answers where the data names them."""

    inputs: tuple[Sample, ...]
    labels: npt.NDArray[np.int64] | None = None
    """int64[n] class numbers, or None."""

    def __len__(self) -> int:
        return len(self.inputs)


def load_samples(
    data: str | Path | Iterable[Any],
    specs: Sequence[TensorSpec],
    cards: Sequence[InputCard],
    *,
    classes: Sequence[str] = (),
    limit: int = 256,
) -> Samples:
    """Calibration data as the model's inputs.

    Args:
        data: a folder of pictures or recordings (through the card's own preprocessing; one sub-folder
            per class gives labels), an .npz whose arrays are named as the inputs with the samples along
            the first dimension (`labels` holds the answers), or an iterable of arrays or of dictionaries.
        specs: the source model's inputs.
        cards: the card's inputs, by the same names.
        classes: the card's labels, to give sub-folders their number.
        limit: at most so many samples, spread evenly over what is there.

    Raises:
        InputError: nothing usable there; the message says what was expected.
    """
    if isinstance(data, str | Path):
        path = Path(data)
        if path.is_dir():
            return _from_folder(path, specs, cards, classes, limit)
        if path.suffix == ".npz":
            return _from_npz(path, specs, limit)
        raise InputError(
            f"--calibrate {path}: expected a folder of pictures or recordings, or an .npz of tensors; "
            + ("found another kind of file" if path.exists() else "there is nothing of that name")
        )
    inputs = tuple(_as_sample(item, specs) for item in data)
    return Samples(_spread(inputs, limit))


def _spread(items: Sequence[Any], limit: int) -> tuple[Any, ...]:
    if len(items) <= limit:
        return tuple(items)
    return tuple(items[i] for i in np.linspace(0, len(items) - 1, limit).astype(int))


def _fit(array: npt.NDArray[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    """One sample in the shape of its tensor; a missing batch dimension is added."""
    if array.shape == spec.shape[1:] and spec.shape[:1] == (1,):
        array = array[None]
    if array.shape != spec.shape:
        raise InputError(
            f"calibration data for input {spec.name!r}: expected one sample of shape {list(spec.shape)}, "
            f"found {list(array.shape)}"
        )
    return np.ascontiguousarray(array, dtype=spec.dtype)


def _as_sample(item: Any, specs: Sequence[TensorSpec]) -> Sample:
    if isinstance(item, Mapping):
        missing = [spec.name for spec in specs if spec.name not in item]
        if missing:
            raise InputError(f"calibration sample lacks input {missing[0]!r}; it has {sorted(item)}")
        return {spec.name: _fit(np.asarray(item[spec.name]), spec) for spec in specs}
    if len(specs) != 1:
        raise InputError(
            f"the model has {len(specs)} inputs ({', '.join(s.name for s in specs)}): "
            "each calibration sample must be a dictionary of these names"
        )
    return {specs[0].name: _fit(np.asarray(item), specs[0])}


def _from_npz(path: Path, specs: Sequence[TensorSpec], limit: int) -> Samples:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable .npz file of plain arrays ({error})") from error
    labels = next((arrays.pop(key) for key in LABEL_KEYS if key in arrays), None)
    if len(specs) == 1 and specs[0].name not in arrays and len(arrays) == 1:
        arrays = {specs[0].name: next(iter(arrays.values()))}
    for spec in specs:
        if spec.name not in arrays:
            raise InputError(f"{path}: no array named {spec.name!r}; found {sorted(arrays)}")
    count = min(len(arrays[spec.name]) for spec in specs)
    chosen = _spread(range(count), limit)
    inputs = tuple({spec.name: _fit(arrays[spec.name][index], spec) for spec in specs} for index in chosen)
    picked = None if labels is None else np.asarray(labels, np.int64).reshape(-1)[list(chosen)]
    return Samples(inputs, picked)


def _from_folder(
    path: Path, specs: Sequence[TensorSpec], cards: Sequence[InputCard], classes: Sequence[str], limit: int
) -> Samples:
    described = [card for card in cards if card.modality in ("image", "audio")]
    if len(specs) != 1 or len(described) != 1:
        raise InputError(
            f"--calibrate {path}: a folder serves a model with one picture or sound input whose "
            "preprocessing the card describes. Give a card (--card, --preset), or an .npz of tensors"
        )
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    wanted = PICTURES if described[0].modality == "image" else {".wav"}
    files = [file for file in files if file.suffix.lower() in wanted]
    if not files:
        raise InputError(f"--calibrate {path}: no files of type {', '.join(sorted(wanted))} in it")
    files = list(_spread(files, limit))
    names = sorted({file.parent.name for file in files if file.parent != path})
    order = list(classes) if set(names) <= set(classes) else names
    inputs: list[Sample] = []
    labels: list[int] = []
    for file in files:
        for array in _prepared(file, described[0], specs[0]):
            inputs.append({specs[0].name: array})
            labels.append(order.index(file.parent.name) if file.parent != path else -1)
    inputs_kept = _spread(inputs, limit)
    kept = _spread(labels, limit)
    return Samples(inputs_kept, np.array(kept, np.int64) if kept and min(kept) >= 0 else None)


PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}
"""File types that count as pictures in a folder."""


def _prepared(file: Path, card: InputCard, spec: TensorSpec) -> Iterator[npt.NDArray[Any]]:
    """The tensors that the card's own preprocessing makes of one file."""
    from edgemm.capture import open_source
    from edgemm.preprocess import compile_audio, compile_image

    with open_source(str(file)) as source:
        if card.modality == "image":
            image = compile_image(card, spec)
            while isinstance(item := source.read(), Frame):
                out = np.empty(spec.shape, spec.dtype)
                image(item.pixels, item.color, out)
                yield out
            return
        window = compile_audio(card, spec)
        heard = []
        rate = 0
        while isinstance(item := source.read(), AudioBlock):
            heard.append(item.samples)
            rate = item.sample_rate
        if heard:
            yield from window.clip(np.concatenate(heard), rate)
