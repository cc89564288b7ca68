"""Guesses about detectors, from the shapes of their outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from edgemm.foreign.draft import Outside
from edgemm.foreign.guesses import Guess, Read
from edgemm.foreign.tflite_detector import POSTPROCESS, ROLES
from edgemm.foreign.yolo_rows import find_rows
from edgemm.tensors import TensorSpec

STRIDES = ((8, 16, 16, 16), (8, 16, 32, 32, 32), (16, 32, 32, 32), (4, 4), (8, 16, 32), (16,), (8,))
"""Of the grids of MediaPipe's detectors: two anchors in each cell of each."""
LEAST = 20
"""Candidates."""
FEW_CLASSES = 400
"""Classes of a detector whose number of candidates is open."""


def guess_boxes(file: Outside, size_wh: tuple[int, int]) -> Read | None:
    """The detector that has such outputs; None where no kind has."""
    outputs = file.outputs
    read = _postprocess(file) or _two(outputs, size_wh)
    if read is None and "SOFTMAX" not in file.producers and "Softmax" not in file.producers:
        read = _rows(outputs, size_wh)
    return read


def _postprocess(file: Outside) -> Read | None:
    """Boxes, classes, scores and a count, NMS done."""
    named = len(file.outputs) in (3, 4) and all(each == POSTPROCESS for each in file.producers)
    roles = ROLES if named else _roles(file.outputs)
    if roles is None:
        return None
    section = {f"{role}_outputs": [spec.name] for role, spec in zip(roles, file.outputs, strict=False)}
    section |= {"head": "postprocess", "box": "yxyx", "coordinates": "normalized"}  # type: ignore[dict-item]
    what = "task detection, head postprocess, boxes yxyx, 0..1"
    if named:
        return Read(
            "detection", section, Guess(what, "sure", f"the outputs are made by {POSTPROCESS}: add labels")
        )
    return Read(
        "detection",
        section,
        Guess(
            what,
            "unsure",
            "the outputs have the shapes of boxes, scores, classes and their number; which of two alike is which, and "
            "the order of a box, are TensorFlow's",
        ),
    )


def _roles(outputs: Sequence[TensorSpec]) -> tuple[str, ...] | None:
    """Roles of [1, N, 4], [1, N], [1, N] and [1], in the order of the file; None for other shapes."""
    if len(outputs) != 4:
        return None
    boxes = [spec for spec in outputs if len(spec.shape) == 3 and spec.shape[2] == 4]
    lists = [spec for spec in outputs if len(spec.shape) == 2 and spec.shape[1] > 1]
    single = [spec for spec in outputs if len(spec.shape) < 3 and math.prod(spec.shape) == 1]
    if not len(boxes) == len(single) == 1 or len(lists) != 2:
        return None
    if any(spec.shape[1] != boxes[0].shape[1] for spec in lists):
        return None
    scores = [spec for spec in lists if "score" in spec.name.lower()] or [lists[1]]
    of = {boxes[0].name: "boxes", single[0].name: "count", scores[0].name: "scores"}
    return tuple(of.get(spec.name, "classes") for spec in outputs)


def _two(outputs: Sequence[TensorSpec], size_wh: tuple[int, int]) -> Read | None:
    """Boxes, and scores beside them."""
    if len(outputs) != 2 or any(len(spec.shape) != 3 for spec in outputs):
        return None
    one, two = outputs
    if one.shape[1] != two.shape[1] or one.shape[1] < LEAST:
        return None
    boxes, scores = (two, one) if two.shape[2] == 4 or one.shape[2] < 4 else (one, two)
    if boxes.shape[2] == 4:
        return _decoded(boxes, scores)
    points = (boxes.shape[2] - 4) // 2
    return _anchors(boxes, scores, points, size_wh) if points > 0 and boxes.shape[2] % 2 == 0 else None


def _decoded(boxes: TensorSpec, scores: TensorSpec) -> Read:
    count = scores.shape[2]
    background = {"background": 0, "label_offset": -1} if count > 1 else {}
    section = {"head": "boxes", "boxes_outputs": [boxes.name], "scores_outputs": [scores.name]} | background
    return Read(
        "detection",
        section,
        Guess(
            "task detection, head boxes" + (", class 0 the background" if background else ""),
            "unsure",
            f"{boxes.shape[1]} boxes of four numbers stand beside as many rows of {count} scores. They may also be "
            "offsets to anchors: then it is head anchors, with the model's strides",
        ),
        classes=count - 1 if background else count,
    )


def _anchors(boxes: TensorSpec, scores: TensorSpec, points: int, size_wh: tuple[int, int]) -> Read | None:
    strides = next((each for each in STRIDES if _anchor_count(each, size_wh) == boxes.shape[1]), None)
    if strides is None:
        return None
    width, height = map(float, size_wh)
    section: dict[str, Any] = {
        "head": "anchors",
        "boxes_outputs": [boxes.name],
        "scores_outputs": [scores.name],
        "points": points,
        "strides": list(strides),
        "box_scales": [width, height, width, height],
        "activation": "sigmoid",
        "score_clip": 100.0,
        "nms": "weighted",
        "iou": 0.3,
        "threshold": 0.5,
    }
    return Read(
        "detection",
        section,
        Guess(
            f"task detection, head anchors with strides {list(strides)} and {points} key points",
            "likely",
            f"{boxes.shape[1]} rows of {boxes.shape[2]} numbers are two anchors in each cell of such grids, as "
            "MediaPipe's detectors have them. Its pictures are 0..1 or -1..1: see the model's page",
        ),
        classes=scores.shape[2],
    )


def _anchor_count(strides: Sequence[int], size_wh: tuple[int, int]) -> int:
    return sum(2 * math.ceil(size_wh[0] / each) * math.ceil(size_wh[1] / each) for each in strides)


def _rows(outputs: Sequence[TensorSpec], size_wh: tuple[int, int]) -> Read | None:
    """A row for each candidate, in one output."""
    found = find_rows(outputs, 0)
    if found is None:
        return None
    _, one, two = outputs[0].shape
    if found.head == "end-to-end":
        what = "task detection, head end-to-end: left, top, right, bottom, score, class"
        why = f"the output has {one} rows of six numbers. Their order may be another: see `row`"
        return Read("detection", found.section(), Guess(what, "likely", why), letterbox=True)
    candidates = one if found.layout == "rows" else two
    known = candidates in _candidates(size_wh)
    if not known and (candidates > 0 or found.classes > FEW_CLASSES):
        return None
    if found.layout == "rows":  # v5 and v7 have objectness
        found = find_rows(outputs, 0, objectness=True) or found
    with_ = "with" if found.objectness else "no"
    what = f"task detection, head yolo, {found.layout}, {with_} objectness, {found.classes} labels by number"
    many = f"{candidates} candidates, as YOLO's grids have for this size" if known else "one open axis"
    why = f"the output has {many}. Key points or masks in the rows would make the number of classes another"
    return Read(
        "detection",
        found.section() | {"coordinates": "pixels"},
        Guess(what, "likely" if known else "unsure", why),
        classes=found.classes,
        letterbox=True,
    )


def _candidates(size_wh: tuple[int, int]) -> tuple[int, ...]:
    """How many candidates YOLO networks have: one or three in each cell of grids of strides 8, 16, 32 (, 64)."""
    cells = [(size_wh[0] // each) * (size_wh[1] // each) for each in (8, 16, 32, 64)]
    three, four = sum(cells[:3]), sum(cells)
    return three, 3 * three, four, 3 * four, sum(cells[1:3]), 3 * sum(cells[1:3])
