"""Guesses about detectors whose boxes are distances to the sides, from the shapes of their outputs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from edgemm.foreign.draft import Outside
from edgemm.foreign.guesses import Confidence, Guess, Read
from edgemm.tensors import TensorSpec

STRIDES = (8, 16, 32, 64, 128)
YOLO_BINS, NANODET_BINS = 16, 8
COCO = 80
"""Classes that tell a detector's rows from others of the same length."""
FACE_POINTS = 5


@dataclass(frozen=True, slots=True)
class _Grid:
    """An output that is one grid."""

    name: str
    stride: int
    anchors: int
    width: int
    """Numbers of each candidate."""
    producer: str
    layout: Literal["rows", "columns"]


def guess_distances(file: Outside, size_wh: tuple[int, int]) -> Read | None:
    """NanoDet, SCRFD, or YOLOv8 before its decoding; None where the outputs have not such shapes."""
    if len(file.outputs) == 1:
        return _joined(file.outputs[0], size_wh)
    found = [
        _grid(spec, producer, size_wh) for spec, producer in zip(file.outputs, file.producers, strict=True)
    ]
    grids = [each for each in found if each is not None]
    strides = sorted({each.stride for each in grids})
    if len(grids) != len(found) or len(strides) < 2 or len({each.anchors for each in grids}) != 1:
        return None
    by_width: dict[int, list[_Grid]] = {}
    for each in sorted(grids, key=lambda grid: grid.stride):
        by_width.setdefault(each.width, []).append(each)
    layouts = {each.layout for each in grids}
    if len(layouts) > 1 or any([each.stride for each in same] != strides for same in by_width.values()):
        return None
    read = _apart(by_width, strides, grids[0].anchors)
    return None if read is None else replace(read, section={**read.section, "layout": layouts.pop()})


def _joined(spec: TensorSpec, size_wh: tuple[int, int]) -> Read | None:
    """NanoDet's [1, N, 112]: 80 classes, then distances over 8 steps for each side."""
    if len(spec.shape) != 3 or spec.shape[0] != 1 or spec.shape[2] != COCO + 4 * NANODET_BINS:
        return None
    for count, name in ((4, "NanoDet-Plus"), (3, "NanoDet")):
        strides = STRIDES[:count]
        if spec.shape[1] == sum(math.prod(_cells(size_wh, each)) for each in strides):
            section = _section(strides, 1, NANODET_BINS, 0.0 if count == 4 else 0.5) | {
                "boxes_outputs": [spec.name], "scores_first": True, "layout": "rows",
            }  # fmt: skip
            why = (
                f"{spec.shape[1]} rows of {spec.shape[2]} numbers are {COCO} scores and four sides of {NANODET_BINS} "
                f"numbers in each cell of strides {list(strides)}, as {name} has them, its scores after a sigmoid"
            )
            return _read(section, f"{name}'s", "likely", why, COCO)
    return None


def _apart(by_width: Mapping[int, Sequence[_Grid]], strides: Sequence[int], anchors: int) -> Read | None:
    """Outputs of one form for each stride."""
    widths = sorted(by_width)
    if len(widths) == 1:
        return _yolo_joined(by_width[widths[0]], strides, anchors)
    if anchors == 2 and widths in ([1, 4, 2 * FACE_POINTS], [1, 4]):
        return _faces(by_width, strides)
    side = next((each for each in (4 * YOLO_BINS, 4 * NANODET_BINS, 4) if each in by_width), 0)
    rest = [each for each in widths if each != side]
    if not side or anchors != 1 or len(rest) != 1:
        return None
    bins = side // 4 if side > 4 else 0
    section = _section(strides, anchors, bins, 0.5) | {
        "boxes_outputs": _names(by_width[side]),
        "scores_outputs": _names(by_width[rest[0]]),
        "activation": _activation(by_width[rest[0]]),
    }
    what = {YOLO_BINS: "YOLOv8's before decoding", NANODET_BINS: "NanoDet's"}.get(bins, "FCOS's")
    why = (
        f"for each of strides {list(strides)} there are outputs of {side} and {rest[0]} numbers in each cell"
    )
    return _read(section, what, "likely" if bins else "unsure", why, rest[0])


def _yolo_joined(grids: Sequence[_Grid], strides: Sequence[int], anchors: int) -> Read | None:
    """[1, 64 + C, H, W]: four sides of 16 numbers, then scores. Three anchors of YOLOv5 have a width that 3 divides."""
    width, side = grids[0].width, 4 * YOLO_BINS
    classes = width - side
    if anchors != 1 or classes < 1 or (width % 3 == 0 and classes != COCO):
        return None
    section = _section(strides, 1, YOLO_BINS, 0.5) | {
        "boxes_outputs": _names(grids), "activation": _activation(grids),
    }  # fmt: skip
    why = (
        f"for each of strides {list(strides)} there is an output of {width} numbers in each cell: {side} of a box in "
        f"{YOLO_BINS} steps for each side, and {classes} scores"
    )
    sure: Confidence = "likely" if classes == COCO else "unsure"
    return _read(section, "YOLOv8's before decoding", sure, why, classes)


def _faces(by_width: Mapping[int, Sequence[_Grid]], strides: Sequence[int]) -> Read:
    """SCRFD: scores, boxes, and five key points, of two anchors in each cell."""
    section = _section(strides, 2, 0, 0.0) | {
        "scores_outputs": _names(by_width[1]),
        "boxes_outputs": _names(by_width[4]),
        "threshold": 0.5,
        "iou": 0.4,
    }
    if 2 * FACE_POINTS in by_width:
        section |= {"points_outputs": _names(by_width[2 * FACE_POINTS]), "points": FACE_POINTS}
    why = (
        f"two anchors in each cell of strides {list(strides)} have one score, four numbers of a box"
        + (", five key points" if "points" in section else "")
        + "; the scores come after a sigmoid. Its pictures are (x - 127.5) / 128"
    )
    return _read(section, "SCRFD's", "likely", why, 1)


def _section(strides: Sequence[int], anchors: int, bins: int, offset: float) -> dict[str, Any]:
    section: dict[str, Any] = {
        "head": "distances",
        "strides": list(strides),
        "anchor_offset": [offset, offset],
    }
    return section | ({"bins": bins} if bins else {}) | ({"cell_anchors": anchors} if anchors > 1 else {})


def _read(section: dict[str, Any], whose: str, sure: Confidence, why: str, classes: int) -> Read:
    what = f"task detection, head distances, {whose}"
    return Read("detection", section, Guess(what, sure, why), classes=classes, letterbox=True)


def _names(grids: Sequence[_Grid]) -> list[str]:
    return [each.name for each in grids]


def _activation(grids: Sequence[_Grid]) -> str:
    """What the network has not done itself, where its last operator is known."""
    done = all(each.producer.upper() in ("SIGMOID", "LOGISTIC") for each in grids)
    return "none" if done else "sigmoid"


def _cells(size_wh: tuple[int, int], stride: int) -> tuple[int, int]:
    """Rows and columns."""
    return math.ceil(size_wh[1] / stride), math.ceil(size_wh[0] / stride)


def _grid(spec: TensorSpec, producer: str, size_wh: tuple[int, int]) -> _Grid | None:
    """The stride whose grid an output has, and how many numbers in each cell."""
    shape = tuple(spec.shape)
    if min(shape, default=0) < 1 or min(size_wh) < 1:
        return None
    for stride in STRIDES:
        cells = _cells(size_wh, stride)
        if len(shape) == 4 and shape[0] == 1 and cells in (shape[2:], shape[1:3]):
            width = math.prod(shape) // math.prod(cells)
            return _Grid(spec.name, stride, 1, width, producer, "columns" if shape[2:] == cells else "rows")
        rows = shape[1:] if len(shape) == 3 and shape[0] == 1 else shape
        for anchors in (1, 2):
            if len(rows) == 2 and rows[0] == math.prod(cells) * anchors:
                return _Grid(spec.name, stride, anchors, rows[1], producer, "rows")
    return None
