"""Truths in COCO's JSON: instances (boxes, polygons, run lengths) and key points of persons."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.judge import TrueBoxes, TrueClasses, TruePoints
from edgemm.judge.data.labelled import Labelled, LabelledData, Truth
from edgemm.judge.data.pictures import inside, read_bounded
from edgemm.judge.data.polygon import fill
from edgemm.judge.data.rle import read_rle
from edgemm.log import LOG

MAX_BYTES = 1 << 30
MAX_SIDE = 1 << 16
"""Pixels."""

Entry = Mapping[str, Any]


def read_coco(file: Path, task: str, pictures: Path | None = None) -> LabelledData:
    """The pictures of a COCO file that are there, with their truths.

    Classes are numbered in the order of the categories' ids; for segmentation 0 is the background and the others come
    after it. A crowd is kept as one. For landmarks a picture's truth has the points of each thing that has some.

    Args:
        task: "detection", "segmentation" or "landmarks".
        pictures: their folder; None: it is looked for beside the file.

    Raises:
        InputError: the file is no such JSON, or no picture of it is there; names the file and the entry, or the line.
    """
    content = _parsed(file)
    images, annotations, categories = (
        _entries(file, content, key) for key in ("images", "annotations", "categories")
    )
    classes = {each["id"]: at for at, each in enumerate(sorted(categories, key=lambda each: each["id"]))}
    by_image: dict[int, list[tuple[str, Entry]]] = {each["id"]: [] for each in images}
    for at, each in enumerate(annotations):
        where = f"{file}, annotations[{at}] (id {each['id']})"
        if each.get("image_id") not in by_image:
            raise InputError(f"{where}: expected the image_id of an image, found {each.get('image_id')!r}")
        if each.get("category_id") not in classes:
            raise InputError(
                f"{where}: expected the category_id of a category, found {each.get('category_id')!r}"
            )
        by_image[each["image_id"]].append((where, each))
    samples = []
    make = _MAKE[task]
    folder = pictures or _folder(file, images)
    for image in images:
        path = folder / image["file_name"]
        truths = by_image[image["id"]]
        if path.is_file() and (task != "landmarks" or any(_has_points(each) for _, each in truths)):
            samples.append(
                Labelled(path, partial(make, truths, classes, f"{file}, image {image['id']}", image))
            )
    if not samples:
        raise InputError(
            f"{file}: none of its {len(images)} images is in {folder}, such as {images[0]['file_name']}"
        )
    if len(samples) < len(images) and task != "landmarks":
        LOG.warning(
            "%s: %d of its %d images are in %s; the others are left out",
            file,
            len(samples),
            len(images),
            folder,
        )
    names = tuple(str(each["name"]) for each in sorted(categories, key=lambda each: each["id"]))
    samples.sort(key=lambda each: each.picture)
    return LabelledData(
        tuple(samples), ("background", *names) if task == "segmentation" else names, str(file)
    )


def _parsed(file: Path) -> dict[str, Any]:
    text = read_bounded(file, MAX_BYTES, "COCO's JSON")
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{file}, line {error.lineno}: not readable as JSON: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        raise InputError(f"{file}: not readable as JSON: {error}") from error
    keys = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in keys):
        raise InputError(f"{file}: expected COCO's lists {', '.join(keys)}; found no such object")
    return content


def _entries(file: Path, content: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    wanted = {"images": ("file_name", str), "annotations": ("id", int), "categories": ("name", str)}[key]
    seen: set[int] = set()
    for at, each in enumerate(content[key]):
        where = f"{file}, {key}[{at}]"
        if not isinstance(each, dict) or type(each.get("id")) is not int or each["id"] in seen:
            raise InputError(f"{where}: expected an object with an id of its own, found {str(each)[:80]}")
        seen.add(each["id"])
        if not isinstance(each.get(wanted[0]), wanted[1]):
            raise InputError(
                f"{where} (id {each['id']}): expected {wanted[0]!r}, found {each.get(wanted[0])!r}"
            )
        if key == "images" and not inside(each["file_name"]):
            raise InputError(
                f"{where}: expected a file_name below the folder of pictures, found {each['file_name'][:80]!r}"
            )
    if key != "annotations" and not content[key]:
        raise InputError(f"{file}: expected at least one of {key}, found none")
    return list(content[key])


def _folder(file: Path, images: Sequence[Entry]) -> Path:
    """Where the pictures are: in the file's folder, or in one that is named as is usual."""
    part = file.stem.rpartition("_")[2]
    parents = (file.parent, file.parent.parent)
    places = [
        place
        for parent in parents
        for place in (parent, parent / "images", parent / part, parent / "images" / part, parent / "data")
    ]
    for place in places:
        if any((place / each["file_name"]).is_file() for each in images[:1000]):
            return place
    raise InputError(
        f"{file}: expected its pictures, such as {images[0]['file_name']}, in one of "
        f"{', '.join(map(str, dict.fromkeys(places)))}; found none"
    )


def _numbers(
    where: str, value: Any, what: str, *, least: int = 0, most: float = math.inf, by: int = 1
) -> npt.NDArray[np.float64]:
    """float64[n]: finite numbers, `least` to `most` of them, in groups of `by`.

    Raises:
        InputError: they are something else; `what` says what was expected.
    """
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        array = np.empty((0, 0))
    if array.ndim != 1 or not np.isfinite(array).all():
        raise InputError(f"{where}: expected {what}, found {str(value)[:80]}")
    if not least <= len(array) <= most or len(array) % by:
        raise InputError(f"{where}: expected {what}, found {len(array)} numbers: {str(value)[:80]}")
    return array


def _boxes(
    truths: Sequence[tuple[str, Entry]],
    classes: Mapping[int, int],
    where: str,
    image: Entry,
    source_wh: tuple[int, int],
) -> Truth:
    _check_size(where, image, source_wh)
    boxes = np.array([_box(each_where, each) for each_where, each in truths]).reshape(-1, 4)
    outside = (boxes[:, :2] >= source_wh).any(axis=1) | (boxes[:, 2:] < 0).any(axis=1)
    if outside.any():
        at = int(outside.argmax())
        raise InputError(
            f"{truths[at][0]}: expected a bbox in its picture of {source_wh[0]}x{source_wh[1]} pixels, found "
            f"{truths[at][1]['bbox']}"
        )
    return TrueBoxes(
        boxes,
        np.array([classes[each["category_id"]] for _, each in truths], np.int64),
        np.array([bool(each.get("iscrowd", 0)) for _, each in truths], bool),
    )


def _box(where: str, each: Entry) -> npt.NDArray[np.float64]:
    """From left, top, width, height."""
    box = _numbers(where, each.get("bbox"), "a bbox of 4 numbers (x, y, width, height)", least=4, most=4)
    if (box[2:] < 0).any():
        raise InputError(f"{where}: expected a bbox with a width and height from 0 on, found {box.tolist()}")
    return np.concatenate([box[:2], box[:2] + box[2:]])


def _classes(
    truths: Sequence[tuple[str, Entry]],
    classes: Mapping[int, int],
    where: str,
    image: Entry,
    source_wh: tuple[int, int],
) -> Truth:
    """The smaller thing lies on top."""
    _check_size(where, image, source_wh)
    masks = [(classes[each["category_id"]] + 1, _mask(at, each, source_wh)) for at, each in truths]
    wide = len(classes) >= 255
    table = np.zeros(source_wh[::-1], np.uint16 if wide else np.uint8)
    for number, mask in sorted(masks, key=lambda each: -int(each[1].sum())):
        table[mask] = number
    return TrueClasses(table, None)


def _check_size(where: str, image: Entry, source_wh: tuple[int, int]) -> None:
    """Places of a picture of another size would be wrong ones."""
    if (image.get("width", source_wh[0]), image.get("height", source_wh[1])) != source_wh:
        raise InputError(
            f"{where}: expected a picture of {image.get('width')}x{image.get('height')} pixels, found "
            f"{source_wh[0]}x{source_wh[1]}. Take the pictures that the truths were made for"
        )


def _mask(where: str, each: Entry, source_wh: tuple[int, int]) -> npt.NDArray[np.bool_]:
    shape = each.get("segmentation")
    if isinstance(shape, dict):
        try:
            return read_rle(shape, source_wh)
        except ValueError as error:
            raise InputError(f"{where}: segmentation: {error}") from error
    if not isinstance(shape, list) or not shape:
        raise InputError(
            f"{where}: expected a segmentation of polygons or run lengths, found {str(shape)[:80]}"
        )
    what = "a polygon of 3 points or more, x and y by turns"
    return fill([_numbers(where, each, what, least=6, by=2).reshape(-1, 2) for each in shape], source_wh)


def _has_points(each: Entry) -> bool:
    points = each.get("keypoints")
    return isinstance(points, list) and any(points[2::3])


def _points(
    truths: Sequence[tuple[str, Entry]],
    classes: Mapping[int, int],
    where: str,
    image: Entry,
    source_wh: tuple[int, int],
) -> Truth:
    _check_size(where, image, source_wh)
    return tuple(_thing(at, each) for at, each in truths if _has_points(each))


def _thing(where: str, each: Entry) -> TruePoints:
    """COCO counts pixels from 0, so that the middle of a pixel lies half a pixel further."""
    what = "keypoints of three numbers each, x, y and visibility by turns"
    table = _numbers(where, each["keypoints"], what, by=3).reshape(-1, 3)
    box = _box(where, each) if "bbox" in each else None
    return TruePoints(
        table[:, :2] + 0.5,
        table[:, 2] > 0,
        None if box is None else float(np.hypot(*(box[2:] - box[:2]))),
        None if box is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
    )


_MAKE: Mapping[str, Callable[..., Truth]] = {
    "detection": _boxes,
    "segmentation": _classes,
    "landmarks": _points,
}
