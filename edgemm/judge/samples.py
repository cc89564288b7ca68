"""Data by which a model is judged, as they come: each sample with what is right for it, in the terms of its task.

data = read_samples("pictures/", facts_of(model))
for sample in data.samples:
    given = sample.read()                 -> a Frame, an AudioBlock, a text, or tensors by name
    sample.right(given)                   -> what the task's metric takes

what the model takes     the data
pictures, one class      a folder for each class; an .npz of `images` (uint8) and `labels`
pictures, boxes ...      COCO, YOLO, PASCAL VOC, masks: see `edgemm.judge.data`
sound, one word          a folder for each word; recordings named as the words (zero.wav)
sound, what is said      recordings with texts; noisy/ and clean/; a folder for each speaker
texts                    a table of texts and labels, or of sources and targets
tensors, one class       an .npz of arrays by the names of the inputs, and `labels`
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgemm.choices import hint
from edgemm.errors import InputError, SourceError
from edgemm.judge.data import read_truth
from edgemm.judge.data.class_texts import is_texts, read_class_texts, text_class
from edgemm.judge.data.find import TASKS as TASKS_OF_PICTURES
from edgemm.judge.data.folders import folder_classes
from edgemm.judge.data.pictures import PICTURES
from edgemm.judge.items import load_items, read_recording
from edgemm.judge.metric import METRICS
from edgemm.media import Frame
from edgemm.selection import spread

if TYPE_CHECKING:
    from edgemm import BundleModel, Model

IMAGES, LABELS = "images", ("labels", "label", "y")
MAX_ITEMS = 1 << 31


@dataclass(frozen=True, slots=True)
class Facts:
    """What must be known of a model to read data for it."""

    task: str
    modality: str
    """ "image", "audio", "text" or "tensor"."""
    labels: tuple[str, ...] = ()
    background: tuple[str, ...] = ()
    """Labels that mean that no word is there."""
    inputs: tuple[str, ...] = ()
    """Names of the inputs, for tensors."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One thing that a model answers to."""

    name: str
    """Which it is of the data: a path in the folder, a line of the file."""
    read: Callable[[], Any]
    """What the model is called with.

    Raises:
        InputError: it cannot be read.
    """
    right: Callable[[Any], Any]
    """What was read -> what is right.

    Raises:
        InputError: the truth cannot be read.
    """


@dataclass(frozen=True, slots=True)
class SampleData:
    """All samples of a data set, in its order."""

    samples: tuple[Sample, ...]
    modality: str
    labels: tuple[str, ...] = ()
    """Names of the classes that truths are numbers of."""


def facts_of(model: Model | BundleModel) -> Facts:
    """Those of a loaded model.

    Raises:
        InputError: its task has no metric.
    """
    card: Any = model.card
    if card.task not in METRICS:
        raise InputError(
            f"expected a model of a task that has a metric ({', '.join(METRICS)}), found task {card.task!r}. "
            "Give a card that says the task: --card or --preset"
        )
    inputs = tuple(each.name for each in getattr(model, "inputs", ()))
    background = tuple(card.recipe.background) if card.task == "keyword" and card.recipe is not None else ()
    return Facts(card.task, model.modality, tuple(getattr(card, "labels", ())), background, inputs)


def read_samples(
    path: str | Path, facts: Facts, option: str = "--data", limit: int = MAX_ITEMS
) -> SampleData:
    """At most `limit` samples, spread evenly over what is there.

    Args:
        option: what the path was given as, for messages.

    Raises:
        InputError: there are none, they are of another kind than the model takes, or they do not say what is right.
    """
    where = Path(path)
    try:
        if not where.exists():
            raise InputError(f"{option} {where}: there is nothing of that name")
        if where.suffix.lower() == ".npz":
            return _arrays(where, facts, f"{option} {where}", limit)
        if facts.modality == "image":
            return _pictures(where, facts, option, limit)
        if facts.modality == "audio":
            return _recordings(where, facts, option, limit)
        if facts.modality == "text":
            return _texts(where, facts, f"{option} {where}", limit)
    except OSError as error:
        raise InputError(f"{option} {where}: cannot be read: {error.strerror or error}") from error
    raise InputError(
        f"{option} {where}: the model takes tensors: expected an .npz with an array for each input "
        f"({', '.join(facts.inputs)}) and `labels`"
    )


def _pictures(path: Path, facts: Facts, option: str, limit: int) -> SampleData:
    if facts.task in TASKS_OF_PICTURES:
        try:
            data = read_truth(path, facts.task, labels=facts.labels)
        except InputError as error:
            raise InputError(f"{option}: {error}") from error
        samples = [
            Sample(
                _below(each.picture, path), partial(read_picture, each.picture), partial(_placed, each.truth)
            )
            for each in spread(data.samples, limit)
        ]
        return SampleData(tuple(samples), "image", facts.labels)
    files = _files(path, PICTURES, option, "pictures")
    labels, truths = _by_folder(path, files, facts, option)
    pairs = spread(list(zip(files, truths, strict=True)), limit)
    samples = [
        Sample(_below(file, path), partial(read_picture, file), _always(right)) for file, right in pairs
    ]
    return SampleData(tuple(samples), "image", labels)


def _recordings(path: Path, facts: Facts, option: str, limit: int) -> SampleData:
    if facts.task in ("classification", "keyword", "tagging"):
        files = _files(path, frozenset({".wav"}), option, "recordings")
        named = _named_as(files, facts.labels)
        labels, truths = (facts.labels, named) if named else _by_folder(path, files, facts, option)
        if facts.task != "classification":
            truths = [labels[each] for each in truths]
        if facts.task == "keyword":
            truths = ["" if each in facts.background else each for each in truths]
        pairs = spread(list(zip(files, truths, strict=True)), limit)
        samples = [
            Sample(_below(file, path), partial(read_recording, file), _always(right)) for file, right in pairs
        ]
        return SampleData(tuple(samples), "audio", labels)
    if facts.task == "voice_activity":
        raise InputError(
            f"{option} {path}: models of voice activity cannot be judged by this command: it would need the times at "
            "which somebody speaks, and reads no kind of file that has them. In Python the figure is made by "
            "edgemm.judge.metric('voice_activity'), of results and such times"
        )
    return _items(path, facts, option, limit)


def _texts(path: Path, facts: Facts, where: str, limit: int) -> SampleData:
    if facts.task not in ("classification", "embedding"):
        return _items(path, facts, where.partition(" ")[0], limit)
    if not path.is_file() or not is_texts(path):
        raise InputError(f"{where}: expected a table of texts and labels (.tsv, .csv, .jsonl)")
    texts = read_class_texts(path, where)
    if texts[0].label is None:
        raise InputError(
            f"{where}: has no labels, so that it does not say what is right. Add a column `label`"
        )
    embedding = facts.task == "embedding"
    samples = [
        Sample(
            f"line {each.line}",
            _always_read(each.text if each.pair is None else (each.text, each.pair)),
            _always(str(each.label) if embedding else text_class(each, facts.labels, where)),
        )
        for each in spread(texts, limit)
    ]
    return SampleData(tuple(samples), "text", facts.labels)


def _items(path: Path, facts: Facts, option: str, limit: int) -> SampleData:
    """Those that bundles are measured on too."""
    items = load_items(path, facts.modality, limit, option)
    unknown = [each.name for each in items if each.truth is None]
    if unknown:
        raise InputError(
            f"{unknown[0]}: expected what is right for it too, such as a target, a text, or a folder for each speaker; "
            "found none"
        )
    samples = [
        Sample(
            _below(each.given, path) if isinstance(each.given, Path) else each.name.rpartition(", ")[2],
            each.read,
            partial(_right, each.right),
        )
        for each in items
    ]
    return SampleData(tuple(samples), facts.modality, facts.labels)


def _arrays(path: Path, facts: Facts, where: str, limit: int) -> SampleData:
    try:
        with (
            open(path, "rb") as file,
            np.load(file, allow_pickle=False) as loaded,
        ):  # numpy leaves a bad one open
            arrays = {name: np.asarray(loaded[name]) for name in loaded.files}
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise InputError(f"{where}: not a readable .npz file of plain arrays ({error})") from error
    if facts.task not in ("classification", "keyword"):
        raise InputError(f"{where}: an .npz of labels serves classes; the model's task is {facts.task}")
    labels = next((arrays.pop(key) for key in LABELS if key in arrays), None)
    if labels is None:
        raise InputError(f"{where}: expected the right classes as an array `labels`, found {sorted(arrays)}")
    truths = _class_numbers(labels, len(facts.labels), where)
    as_pictures = facts.modality == "image" and IMAGES in arrays
    names = [IMAGES] if as_pictures else list(facts.inputs)
    for name in names:
        if name not in arrays or len(arrays[name]) != len(truths):
            found = "none" if name not in arrays else f"{len(arrays[name])} samples"
            raise InputError(f"{where}: expected an array {name!r} with {len(truths)} samples, found {found}")
    if as_pictures and (arrays[IMAGES].dtype != np.uint8 or arrays[IMAGES].ndim not in (3, 4)):
        found = f"{arrays[IMAGES].dtype}{list(arrays[IMAGES].shape)}"
        raise InputError(
            f"{where}: expected uint8[n, height, width] or uint8[n, height, width, 3], found {found}"
        )
    if facts.task == "keyword":
        words = [facts.labels[each] for each in truths]
        truths = ["" if each in facts.background else each for each in words]
    samples = []
    for at in spread(range(len(truths)), limit):
        given = (
            Frame(arrays[IMAGES][at], 0, at, "gray" if arrays[IMAGES].ndim == 3 else "rgb")
            if as_pictures
            else {name: arrays[name][at] for name in names}
        )
        samples.append(Sample(f"number {at}", _always_read(given), _always(truths[at])))
    return SampleData(tuple(samples), "image" if as_pictures else "tensor", facts.labels)


def _class_numbers(labels: npt.NDArray[Any], classes: int, where: str) -> list[Any]:
    if labels.ndim != 1 or not len(labels) or labels.dtype.kind not in "iu":
        raise InputError(
            f"{where}: expected `labels` as whole numbers, one for each sample, found {labels.dtype}"
            f"{list(labels.shape)}"
        )
    if labels.min() < 0 or (classes and labels.max() >= classes):
        raise InputError(
            f"{where}: expected labels of 0 to {max(classes - 1, 0)}, found {labels.min()} to {labels.max()}"
        )
    return [int(each) for each in labels]


def _files(path: Path, suffixes: frozenset[str], option: str, what: str) -> list[Path]:
    if not path.is_dir():
        raise InputError(f"{option} {path}: expected a folder of {what}, found a file")
    files = sorted(each for each in path.rglob("*") if each.suffix.lower() in suffixes and each.is_file())
    files = [each for each in files if not any(part.startswith(".") for part in each.relative_to(path).parts)]
    if not files:
        raise InputError(
            f"{option} {path}: expected {what} ({', '.join(sorted(suffixes))}) in it, found none"
        )
    return files


def _by_folder(
    path: Path, files: Sequence[Path], facts: Facts, option: str
) -> tuple[tuple[str, ...], list[Any]]:
    """Labels, and of each file its class: a number, or the folder's name for embeddings."""
    loose = next((each for each in files if each.parent == path), None)
    if loose is not None:
        raise InputError(
            f"{option} {path}: {loose.name} lies in no folder, so that its class is not known. Give each class a folder"
        )
    if facts.task == "embedding":
        return (), [each.relative_to(path).parts[0] for each in files]
    order = folder_classes(path, files, facts.labels, option)
    if not order:
        first = files[0].parent.name
        raise InputError(
            f"{option} {path}: none of its folders is one of the card's labels ({', '.join(facts.labels[:8])}), found "
            f"{first!r}{hint(first, facts.labels)}. Name the folders as the labels"
        )
    labels = facts.labels or tuple(order)
    return labels, [order[each.parent.name] for each in files]


def _named_as(files: Sequence[Path], labels: Sequence[str]) -> list[int]:
    """The classes of files that are named as the labels; [] where one is not."""
    known = {label: at for at, label in enumerate(labels)}
    flat = len({each.parent for each in files}) == 1 and files[0].parent.name not in known
    numbers = [known.get(each.stem, -1) for each in files]
    return numbers if flat and min(numbers) >= 0 else []


def read_picture(file: Path) -> Frame:
    """The only picture of a file, in RGB or grey.

    Raises:
        InputError: it cannot be read.
    """
    from edgemm.capture import open_source

    try:
        with open_source(str(file)) as source:
            frame = source.read()
    except SourceError as error:
        raise InputError(f"{file} cannot be read: {error}. Remove the file, or replace it") from error
    if not isinstance(frame, Frame):
        raise InputError(f"{file} holds no picture. Remove the file, or replace it")
    pixels = frame.pixels[:, :, ::-1] if frame.color == "bgr" else frame.pixels
    color: Any = "gray" if frame.color == "gray" else "rgb"
    return Frame(np.ascontiguousarray(pixels), time.monotonic_ns(), 0, color, file.name)


def _placed(truth: Callable[[tuple[int, int]], Any], frame: Frame) -> Any:
    height, width = frame.pixels.shape[:2]
    return truth((width, height))


def _right(right: Callable[[], Any], given: Any) -> Any:
    return right()


def _always(value: Any) -> Callable[[Any], Any]:
    return lambda given: value


def _always_read(value: Any) -> Callable[[], Any]:
    return lambda: value


def _below(file: Path, path: Path) -> str:
    return str(file.relative_to(path)) if path.is_dir() and file.is_relative_to(path) else file.name
