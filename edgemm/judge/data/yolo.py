"""Truths as YOLO keeps them: a .txt for each picture, a thing in each line, coordinates as shares of the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.judge import TrueBoxes, TrueClasses
from edgemm.judge.data.labelled import Labelled, LabelledData, Truth
from edgemm.judge.data.names import MAX_CLASSES, names_beside
from edgemm.judge.data.pictures import pictures_in, read_bounded
from edgemm.judge.data.polygon import fill
from edgemm.log import LOG

FOLDERS = {"detection": ("labels", "boxes"), "segmentation": ("labels", "polygons")}
"""Task -> folders that may hold its truths, beside `images`; the first that is there counts."""
SPLITS = ("val", "valid", "validation", "test")
"""Parts of a data set that are for evaluation, in the order of preference."""
MAX_BYTES = 16 << 20
SLACK = 1e-3
"""How far outside of 0..1 a coordinate may lie: rounding."""

Thing = tuple[int, npt.NDArray[np.float64]]
"""Class number, and 4 numbers (centre x, centre y, width, height) or the points of a polygon [k, 2]; shares of the
picture."""


def is_yolo(folder: Path, task: str) -> bool:
    """There are pictures in `images` and truths of the task beside it."""
    return _places(folder, task) is not None


def read_yolo(
    folder: Path, task: str, names: Sequence[str] | Mapping[int, str] | None = None
) -> LabelledData:
    """The pictures of `folder`/images with the truths in `folder`/labels (or boxes, polygons).

    A picture without a .txt shows nothing. Where there are parts for training and evaluation (`images/val`,
    `valid/images`), those for evaluation are read.

    Args:
        task: "detection" (a box, or the box around a polygon), "segmentation" (polygons).
        names: name of each class number, instead of those that a data.yaml or a list beside the data says. A dictionary
            may leave classes out: they are none of the model's.

    Raises:
        InputError: there are no pictures or no truths, or a line is wrong; names file and line.
    """
    places = _places(folder, task)
    if places is None:
        raise InputError(
            f"{folder}: expected a folder `images` and beside it one of {', '.join(FOLDERS[task])} with a .txt for "
            "each picture, found no such thing"
        )
    images, labels, root = places
    pairs = [(each, (labels / each.relative_to(images)).with_suffix(".txt")) for each in pictures_in(images)]
    if not any(text.is_file() for _, text in pairs):
        raise InputError(
            f"{labels}: expected a .txt named as its picture, such as {pairs[0][1].name}, found none for "
            f"{len(pairs)} pictures"
        )
    bare = sum(not text.is_file() for _, text in pairs)
    if bare:
        LOG.warning(
            "%s: %d of %d pictures have no .txt: they count as showing nothing", labels, bare, len(pairs)
        )
    known = names_beside(root) or names_beside(folder) if names is None else names
    most = MAX_CLASSES if isinstance(known, Mapping) or not known else len(known)
    things = [(picture, _things(text, most) if text.is_file() else [], text) for picture, text in pairs]
    numbers = [number for _, found, _ in things for number, _ in found]
    known = _in_order(known, max(numbers, default=-1) + 1)
    make = _boxes if task == "detection" else _classes
    if task == "segmentation":
        known = ("background", *known) if known else ()
    samples = tuple(Labelled(picture, partial(make, found, text)) for picture, found, text in things)
    return LabelledData(samples, known, str(folder))


def _in_order(names: Sequence[str] | Mapping[int, str], least: int) -> tuple[str, ...]:
    """Names by number, "" for classes without one."""
    if isinstance(names, Mapping):
        return tuple(names.get(at, "") for at in range(max(least, max(names, default=-1) + 1)))
    return tuple(names)


def _places(folder: Path, task: str) -> tuple[Path, Path, Path] | None:
    """Folders of pictures and truths, and the one that the names stand beside."""
    for part in (*(folder / split for split in SPLITS), folder):
        for name in FOLDERS.get(task, ()):
            images, labels = part / "images", part / name
            if not (images.is_dir() and labels.is_dir()):
                continue
            for split in (*SPLITS, *(f"{each}2017" for each in SPLITS)):
                if (images / split).is_dir() and (labels / split).is_dir():
                    return images / split, labels / split, part
            return images, labels, part
    return None


def _things(file: Path, classes: int) -> list[Thing]:
    content = read_bounded(file, MAX_BYTES, "a list of things in one picture")
    lines = content.decode("utf-8", "replace").splitlines()
    return [_thing(file, at, line.split(), classes) for at, line in enumerate(lines, 1) if line.strip()]


def _thing(file: Path, at: int, words: list[str], classes: int) -> Thing:
    where = f"{file}, line {at}"
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError as error:
        raise InputError(f"{where}: expected numbers, found {' '.join(words)[:80]!r}") from error
    if len(words) != 5 and (len(words) < 7 or len(words) % 2 == 0):
        raise InputError(
            f"{where}: expected a class and 4 numbers (x y width height), or a class and the x y of 3 points or more; "
            f"found {len(words)} numbers"
        )
    if not (0 <= numbers[0] < classes and numbers[0] == int(numbers[0])):
        raise InputError(f"{where}: expected a class number from 0 to {classes - 1}, found {words[0]}")
    shares = numbers[1:]
    if not ((shares >= -SLACK) & (shares <= 1 + SLACK)).all():  # false for NaN
        raise InputError(f"{where}: expected shares of the picture, 0 to 1, found {' '.join(words[1:])[:80]}")
    return int(numbers[0]), shares if len(words) == 5 else shares.reshape(-1, 2)


def _boxes(things: Sequence[Thing], file: Path, source_wh: tuple[int, int]) -> Truth:
    boxes = np.array([_box(shape) for _, shape in things]).reshape(-1, 4)
    return TrueBoxes(boxes * (*source_wh, *source_wh), np.array([number for number, _ in things], np.int64))


def _box(shape: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if shape.ndim == 2:
        return np.concatenate([shape.min(axis=0), shape.max(axis=0)])
    half = np.maximum(shape[2:], 0) / 2
    return np.concatenate([shape[:2] - half, shape[:2] + half])


def _classes(things: Sequence[Thing], file: Path, source_wh: tuple[int, int]) -> Truth:
    """0 where there is nothing, else the number of the class plus one; the smaller thing lies on top."""
    for number, shape in things:
        if shape.ndim != 2:
            raise InputError(
                f"{file}: expected polygons (a class and the x y of 3 points or more), found a box of class {number}. "
                "A class for each pixel needs polygons or masks"
            )
    wide = max((number for number, _ in things), default=0) + 1 >= 255
    classes = np.zeros(source_wh[::-1], np.uint16 if wide else np.uint8)
    masks = [(number, fill([shape * source_wh], source_wh)) for number, shape in things]
    for number, mask in sorted(masks, key=lambda each: -int(each[1].sum())):
        classes[mask] = number + 1
    return TrueClasses(classes, None)
