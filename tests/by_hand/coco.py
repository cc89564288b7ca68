"""The 128 pictures of coco128_val with what is true of them, and one reference pose."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.by_hand.average_precision import Boxes, iou, mean_average_precision
from tests.by_hand.segmenters import polygons
from tests.by_hand.shared_files import CORAL, Picture, picture, shared
from tests.by_hand.ssd_mobilenet import Found, labels

FOLDER = "data/coco128_val"
MOVENET = {0: 0, 5: 11, 6: 12, 7: 13, 8: 14, 9: 15, 10: 16, 11: 23, 12: 24, 13: 25, 14: 26, 15: 27, 16: 28}
"""Joint of MoveNet -> the same of BlazePose."""


def names() -> list[str]:
    """Of the pictures, without the ending."""
    return sorted(path.stem for path in shared(f"{FOLDER}/images").glob("*.jpg"))


def pictures() -> Iterator[Picture]:
    """In the order of their names."""
    return (picture(f"{FOLDER}/images/{name}.jpg") for name in names())


def truth() -> Iterator[Boxes]:
    """The boxes of each picture; classes from 0 to 79."""
    for name in names():
        height, width = picture(f"{FOLDER}/images/{name}.jpg").shape[:2]
        path = shared(f"{FOLDER}/boxes") / f"{name}.txt"
        rows = np.loadtxt(path, ndmin=2).reshape(-1, 5) if path.exists() else np.zeros((0, 5))
        middle, size = rows[:, 1:3] * [width, height], rows[:, 3:] * [width, height]
        boxes = np.concatenate([middle - size / 2, middle + size / 2], axis=1)
        yield Boxes(boxes, rows[:, 0].astype(np.int64), np.ones(len(rows)))


def map50(found: Sequence[Boxes]) -> dict[int, float]:
    """Class -> average precision at IoU 0.5, for the classes that occur in the pictures."""
    return mean_average_precision(found, list(truth()))


def classes(path: Path) -> dict[str, int]:
    """Name -> number as the boxes count: the rows of the model's labels without those that are "???"."""
    return {name: at for at, name in enumerate(each for each in labels(path) if each != "???")}


def named(path: Path, found: Found) -> Boxes:
    """Boxes with the classes of `truth`; -1 for a row that has no name."""
    rows, numbers = labels(path), classes(path)
    ids = [numbers.get(rows[row], -1) for row in found.rows]
    return Boxes(found.boxes_xyxy, np.array(ids, np.int64), found.scores)


def persons(least: float) -> Iterator[tuple[Picture, npt.NDArray[np.bool_]]]:
    """The pictures of which persons cover more than this part, with the mask of the persons."""
    for path in sorted(shared(f"{FOLDER}/polygons").glob("*.txt")):
        rgb = picture(f"{FOLDER}/images/{path.stem}.jpg")
        mask = polygons(path, rgb.shape[1], rgb.shape[0], 1)
        if mask.mean() > least:
            yield rgb, mask


def movenet_joints() -> dict[int, tuple[float, float]]:
    """Joint of BlazePose -> x and y in squat.bmp, 0 to 1, as MoveNet has them."""
    with shared(f"{CORAL}/movenet_single_pose_lightning_ptq_reference.csv").open() as file:
        rows = {int(row["keypoint_id"]): row for row in csv.DictReader(file)}
    return {to: (float(rows[at]["keypoint_x"]), float(rows[at]["keypoint_y"])) for at, to in MOVENET.items()}


__all__ = ["Boxes", "classes", "iou", "map50", "movenet_joints", "named", "persons", "pictures", "truth"]
