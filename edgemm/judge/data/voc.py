"""Truths in PASCAL VOC's XML: a file for each picture, with the boxes of things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

import numpy as np

from edgemm.errors import InputError
from edgemm.judge import TrueBoxes
from edgemm.judge.data.labelled import Labelled, LabelledData, Truth
from edgemm.judge.data.pictures import pictures_in, read_bounded

MAX_BYTES = 4 << 20
MAX_DEPTH = 16
SIDES = ("xmin", "ymin", "xmax", "ymax")
_KEYS = {("annotation", "object", key) for key in ("name", "difficult")} | {
    ("annotation", "object", "bndbox", key) for key in SIDES
}


@dataclass(slots=True)
class _Object:
    line: int
    words: dict[str, str] = field(default_factory=dict)


def is_voc(folder: Path) -> bool:
    """It has the folders `JPEGImages` (or `images`) and `Annotations`."""
    return (folder / "Annotations").is_dir() and _images(folder).is_dir()


def _images(folder: Path) -> Path:
    return next(
        (each for each in (folder / "JPEGImages", folder / "images") if each.is_dir()), folder / "JPEGImages"
    )


def read_voc(folder: Path) -> LabelledData:
    """The pictures that have an XML of their name in `Annotations`, with their boxes.

    VOC counts pixels from 1 and the last one in: xmin 1 and xmax 10 are the first ten columns. Things marked as
    difficult are ignored. Classes are numbered in the order of their names.

    Raises:
        InputError: there is none, or a file is wrong; names file and line.
    """
    images = _images(folder)
    pairs = [
        (picture, (folder / "Annotations" / picture.relative_to(images)).with_suffix(".xml"))
        for picture in pictures_in(images)
    ]
    found = [(picture, file, _objects(file)) for picture, file in pairs if file.is_file()]
    if not found:
        raise InputError(
            f"{folder}: expected an XML in Annotations named as its picture, such as {pairs[0][1].name}"
        )
    names = sorted({each.words["name"] for _, _, objects in found for each in objects})
    numbers = {name: at for at, name in enumerate(names)}
    samples = []
    for picture, file, objects in found:
        boxes = [_box(file, each) for each in objects]
        classes = [numbers[each.words["name"]] for each in objects]
        difficult = [each.words.get("difficult", "0") not in ("0", "") for each in objects]
        samples.append(Labelled(picture, partial(_truth, boxes, classes, difficult)))
    return LabelledData(tuple(samples), tuple(names), str(folder))


def _truth(
    boxes: Sequence[Sequence[float]],
    classes: Sequence[int],
    difficult: Sequence[bool],
    source_wh: tuple[int, int],
) -> Truth:
    return TrueBoxes(
        np.array(boxes).reshape(-1, 4), np.array(classes, np.int64), ignored=np.array(difficult, bool)
    )


def _box(file: Path, each: _Object) -> list[float]:
    where = f"{file}, line {each.line}"
    try:
        left, top, right, bottom = (float(each.words[side]) for side in SIDES)
    except KeyError as error:
        raise InputError(f"{where}: expected {error} in the object's bndbox, found none") from error
    except ValueError as error:
        raise InputError(f"{where}: expected numbers in the object's bndbox, found {each.words}") from error
    if not (-np.inf < left <= right < np.inf and -np.inf < top <= bottom < np.inf):  # false for NaN
        raise InputError(
            f"{where}: expected xmin <= xmax and ymin <= ymax, found {[left, top, right, bottom]}"
        )
    return [left - 1, top - 1, right, bottom]


def _objects(file: Path) -> list[_Object]:
    """Of one file. Declarations of types and entities are refused: nothing is expanded."""
    content = read_bounded(file, MAX_BYTES, "the XML of one picture")
    parser, found, path, text = expat.ParserCreate(), list[_Object](), list[str](), list[str]()

    def refuse(*_: Any) -> NoReturn:
        raise InputError(
            f"{file}, line {parser.CurrentLineNumber}: expected XML without DOCTYPE and entities"
        )

    def start(tag: str, _: Any) -> None:
        path.append(tag)
        text.clear()
        if len(path) > MAX_DEPTH:
            raise InputError(
                f"{file}, line {parser.CurrentLineNumber}: more than {MAX_DEPTH} elements inside each other"
            )
        if path == ["annotation", "object"]:
            found.append(_Object(parser.CurrentLineNumber))

    def end(tag: str) -> None:
        if tuple(path) in _KEYS:
            found[-1].words[tag] = "".join(text).strip()
        path.pop()
        text.clear()

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = (
        start,
        end,
        text.append,
    )
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise InputError(
            f"{file}, line {error.lineno}: not readable as XML: {expat.ErrorString(error.code)}"
        ) from error
    for each in found:
        if not each.words.get("name"):
            raise InputError(f"{file}, line {each.line}: expected a name in the object, found none")
    return found
