"""Samples from arrays: in memory, in an .npz, or in an .npy."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.selection import spread as spread
from edgemm.tasks.context import Context
from edgemm.tensors import TensorSpec

Array = npt.NDArray[Any]
Sample = Mapping[str, Array]
"""Input name -> array in the source model's own shape and layout, batch of 1 included."""

MOST_CLASSES = 2**31
"""Highest class number that is believed where the card has no labels."""
UNNAMED = "arr_0"
"""Name that numpy.savez gives an array that is handed in without one; fine where the model has a single input."""
LABEL_KEYS = ("labels", "label", "y")
"""Names under which an .npz holds the right answers."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as the model hears it, and what is said in it."""

    windows: tuple[Array, ...]
    """Of the main input, one after the other, up to the silence behind the end."""
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Prepared inputs, and the right answers where the data names them."""

    inputs: tuple[Sample, ...]
    labels: npt.NDArray[np.int64] | None = None
    """int64[n] class numbers, or None."""
    truths: tuple[Callable[[], Any], ...] | None = None
    """What is right of each sample, in the terms of the task's metric, read when it is called; or None."""
    contexts: tuple[Context, ...] | None = None
    """Where each sample lies in its picture; None where that is not known."""
    recordings: tuple[Recording, ...] = ()
    """Recordings that the samples are windows of, where it is known what is said in them."""
    names: tuple[str, ...] = ()
    """What each sample is to whoever gave it: its file in the folder, its number from 0 in the array or sequence, the
    line of a text; () where that is not known."""

    def __len__(self) -> int:
        return len(self.inputs)


def parts_of(name: str, count: int) -> list[str]:
    """The names of the samples that a file gives: its own, or that and their numbers."""
    return [name] if count == 1 else [f"{name}, part {at + 1} of {count}" for at in range(count)]


UNNAMED = "arr_0"
"""What numpy.savez calls an array that was given no name: it serves the only input of a model."""

DAMAGED = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    OverflowError,
    RuntimeError,  # encrypted, or compressed in a way that this Python lacks
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy lets through of files that are damaged, or are something else."""


def kind_of(path: Path, option: str) -> Literal["folder", "arrays", "other", ""]:
    """What is at that path: "folder", "arrays", another kind of file, or "" for nothing.

    Raises:
        InputError: the system refuses access.
    """
    try:
        if path.is_dir():
            return "folder"
        if path.suffix.lower() in (".npz", ".npy") and path.is_file():
            return "arrays"
        return "other" if path.exists() else ""
    except OSError as error:  # a name too long, a folder closed to us
        raise InputError(f"{option} {str(path)[:200]}: cannot be read: {error.strerror}") from error


def as_sample(item: Any, specs: Sequence[TensorSpec], option: str) -> Sample:
    """One array, or a dictionary of arrays by input name, in the shapes and types of the inputs.

    Raises:
        InputError: it does not fit them.
    """
    if isinstance(item, Mapping):
        missing = [spec.name for spec in specs if spec.name not in item]
        if missing:
            raise InputError(
                f"{option}: a sample lacks input {missing[0]!r}; it has {sorted(map(str, item))}"
            )
        return {spec.name: fit(item[spec.name], spec, option) for spec in specs}
    if len(specs) != 1:
        raise InputError(
            f"{option}: the model has {len(specs)} inputs ({', '.join(s.name for s in specs)}): "
            "each sample must be a dictionary of these names"
        )
    return {specs[0].name: fit(item, specs[0], option)}


def fit(item: Any, spec: TensorSpec, option: str) -> Array:
    """One sample in the shape and type of its tensor; a missing batch dimension is added.

    Raises:
        InputError: another shape, or numbers that the type does not hold.
    """
    try:
        array = np.asarray(item)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, tensors that live elsewhere
        raise InputError(f"{option}, input {spec.name!r}: expected an array of numbers ({error})") from error
    require_numbers(array, spec, option)
    if array.shape == spec.shape[1:] and spec.shape[:1] == (1,):
        array = array[None]
    if array.shape != spec.shape:
        raise InputError(
            f"{option}, input {spec.name!r}: expected one sample of shape {list(spec.shape)}, "
            f"found {list(array.shape)}"
        )
    return np.asarray(typed(array, spec, option), order="C")


def require_numbers(array: Array, spec: TensorSpec, option: str) -> None:
    """Refuses text, objects, dates, complex numbers and records.

    Raises:
        InputError: it is one of these.
    """
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"{option}, input {spec.name!r}: expected {spec.dtype}, found {array.dtype}. Give plain numbers"
        )


def typed(array: Array, spec: TensorSpec, option: str) -> Array:
    """The same numbers in the type of the tensor.

    Raises:
        InputError: they are not numbers, or would be changed by more than the rounding of a float.
    """
    where = f"{option}, input {spec.name!r}"
    require_numbers(array, spec, option)
    wanted = np.dtype(spec.dtype)
    if wanted.kind == "f" or array.dtype == wanted:
        return array.astype(wanted)
    if not np.isfinite(array).all():
        raise InputError(f"{where}: expected {spec.dtype}, found NaN or infinity. Remove such samples")
    with np.errstate(all="ignore"):
        cast = array.astype(wanted)
    if not np.array_equal(cast.astype(np.float64), array.astype(np.float64)):
        raise InputError(
            f"{where}: expected {spec.dtype}, found {array.dtype} of {float(array.min()):g}..{float(array.max()):g}, "
            "which it does not hold without loss. Give the numbers that the model takes"
        )
    return cast


def read_arrays(
    path: Path, specs: Sequence[TensorSpec], option: str
) -> tuple[dict[str, Array], Array | None]:
    """The arrays of an .npz or .npy by input name, and the labels among them.

    Raises:
        InputError: the file is damaged or holds something else.
    """
    try:
        with path.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            lone = isinstance(loaded, np.ndarray)
            arrays = {"": loaded} if lone else {name: loaded[name] for name in loaded.files}
    except MemoryError as error:
        raise InputError(
            f"{option} {path}: does not fit into memory, or is damaged ({error}). Give fewer samples"
        ) from error
    except DAMAGED as error:
        raise InputError(
            f"{option} {path}: not a readable {path.suffix} file of plain arrays ({error}). "
            "Write it again with numpy.savez or numpy.save"
        ) from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise InputError(
                f"{option} {path}: {name!r} in it is not an array. Write it again with numpy.savez"
            )
    if lone:
        return _single(path, arrays[""], specs, option), None
    labels = next((arrays.pop(key) for key in LABEL_KEYS if key in arrays and key not in _names(specs)), None)
    if len(specs) == 1 and list(arrays) == [UNNAMED]:
        arrays = {specs[0].name: arrays[UNNAMED]}
    for spec in specs:
        if spec.name not in arrays:
            raise InputError(
                f"{option} {path}: no array named {spec.name!r}; found {sorted(arrays)}. Name them as the inputs: "
                f"numpy.savez(file, **{{{spec.name!r}: array}})"
            )
    return arrays, labels


def _names(specs: Sequence[TensorSpec]) -> list[str]:
    return [spec.name for spec in specs]


def _single(path: Path, array: Array, specs: Sequence[TensorSpec], option: str) -> dict[str, Array]:
    if len(specs) != 1:
        raise InputError(
            f"{option} {path}: an .npy holds the samples of one input, the model has {len(specs)} "
            f"({', '.join(_names(specs))}). Give an .npz with arrays of these names"
        )
    return {specs[0].name: array}


def from_arrays(
    arrays: Mapping[str, Array],
    labels: Array | None,
    specs: Sequence[TensorSpec],
    limit: int,
    option: str,
    classes: int,
) -> Samples:
    """Samples along the first dimension of the arrays.

    Args:
        classes: how many labels the card has; 0 where it has none.

    Raises:
        InputError: no samples, another number of them in each array, or labels that do not fit.
    """
    for spec in specs:
        if not arrays[spec.name].ndim:
            raise InputError(
                f"{option}: array {spec.name!r} is a single number; expected samples along its first dimension"
            )
    counts = {spec.name: len(arrays[spec.name]) for spec in specs}
    if len(set(counts.values())) != 1 or not min(counts.values()):
        raise InputError(
            f"{option}: expected as many samples in every array, and at least one, found "
            + ", ".join(f"{name} {count}" for name, count in counts.items())
        )
    count = min(counts.values())
    chosen = spread(range(count), limit)
    inputs = tuple({spec.name: fit(arrays[spec.name][i], spec, option) for spec in specs} for i in chosen)
    answers = None if labels is None else _labels(labels, count, classes, option)
    known = None if answers is None else answers[list(chosen)]
    return Samples(inputs, known, names=tuple(map(str, chosen)))


def _labels(labels: Array, count: int, classes: int, option: str) -> npt.NDArray[np.int64]:
    """One class number for each sample."""
    flat = labels.reshape(-1)
    if len(flat) != count or labels.shape[:1] != (count,):
        raise InputError(
            f"{option}: expected one label for each of the {count} samples, found labels of shape {list(labels.shape)}"
        )
    if flat.dtype.kind not in "iuf":
        raise InputError(f"{option}: labels must be class numbers from 0, found {flat.dtype}")
    if not np.array_equal(flat, np.rint(flat)):
        raise InputError(f"{option}: labels must be class numbers from 0, found fractions or NaN")
    if flat.min() < 0 or flat.max() >= (classes or MOST_CLASSES):  # before the cast, which would wrap
        most = f"..{classes - 1}, as the card has {classes} labels" if classes else " on"
        raise InputError(
            f"{option}: labels must be class numbers from 0{most}; found {flat.min()}..{flat.max()}"
        )
    return flat.astype(np.int64)
