"""What a detector's outputs mean, in plain loops over Python floats, written from the papers and specifications.

Slow on purpose, and of nothing in edgemm: truth for the tests of the decoders.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Thing:
    """One box in pixels of the input tensor."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom."""
    score: float
    number: int
    points: list[tuple[float, float]] = field(default_factory=list)


def sigmoid(value: float) -> float:
    """1 / (1 + e^-x)."""
    if value < -700:
        return 0.0
    return 1 / (1 + math.exp(-value))


def softmax(values: Sequence[float]) -> list[float]:
    """e^x / sum of e^x."""
    top = max(values)
    powers = [math.exp(value - top) for value in values]
    return [power / sum(powers) for power in powers]


def around(cx: float, cy: float, w: float, h: float) -> tuple[float, float, float, float]:
    """Box of a centre and a size."""
    return (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)


def best_class(scores: Sequence[float], background: int = -1) -> tuple[int, float]:
    """The first of the largest, the background left out."""
    best, top = -1, -math.inf
    for number, score in enumerate(scores):
        if number != background and score > top:
            best, top = number, score
    return best, top


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return width * height / (areas - width * height)


def ranked(things: Sequence[Thing]) -> list[Thing]:
    """Best first; equal scores keep their order."""
    return sorted(things, key=lambda thing: -thing.score)


def greedy(things: Sequence[Thing], limit: float, *, by_class: bool) -> list[Thing]:
    """Non-maximum suppression as in Felzenszwalb et al. 2010."""
    kept: list[Thing] = []
    for thing in ranked(things):
        for better in kept:
            if (not by_class or better.number == thing.number) and iou(better.box, thing.box) > limit:
                break
        else:
            kept.append(thing)
    return kept


def blended(things: Sequence[Thing], limit: float) -> list[Thing]:
    """MediaPipe's weighted suppression (BlazeFace, Bazarevsky et al. 2019, section 3.3)."""
    left, kept = ranked(things), []
    while left:
        best = left[0]
        group = [thing for thing in left if thing is best or iou(best.box, thing.box) > limit]
        left = [thing for thing in left if not any(thing is member for member in group)]
        if all(thing.score == 0 for thing in group):
            group = [Thing(thing.box, 1.0, thing.number, thing.points) for thing in group]
        total = sum(thing.score for thing in group)
        box = [sum(t.box[at] * t.score for t in group) / total for at in range(4)]
        points = [
            (
                sum(t.points[at][0] * t.score for t in group) / total,
                sum(t.points[at][1] * t.score for t in group) / total,
            )
            for at in range(len(best.points))
        ]
        kept.append(Thing((box[0], box[1], box[2], box[3]), best.score, best.number, points))
    return kept


def anchors(
    wh: tuple[int, int],
    strides: Sequence[int],
    scales: tuple[float, float],
    ratios: Sequence[float],
    *,
    interpolated: float,
    reduce_lowest: bool,
    fixed: bool,
    offset: tuple[float, float] = (0.5, 0.5),
) -> list[tuple[float, float, float, float]]:
    """Centre and size of each anchor, after the text of ssd_anchors_calculator.proto."""
    count = len(strides)

    def scale(layer: int) -> float:
        if count == 1:
            return (scales[0] + scales[1]) / 2
        return scales[0] + (scales[1] - scales[0]) * layer / (count - 1)

    made, layer = [], 0
    while layer < count:
        shapes, same = [], layer
        while same < count and strides[same] == strides[layer]:
            if same == 0 and reduce_lowest:
                shapes += [(1.0, 0.1), (2.0, scale(0)), (0.5, scale(0))]
            else:
                shapes += [(ratio, scale(same)) for ratio in ratios]
                if interpolated > 0:
                    after = 1.0 if same == count - 1 else scale(same + 1)
                    shapes.append((interpolated, math.sqrt(scale(same) * after)))
            same += 1
        across = -(-wh[0] // strides[layer])
        down = -(-wh[1] // strides[layer])
        for row in range(down):
            for column in range(across):
                for ratio, size in shapes:
                    cx, cy = (column + offset[0]) / across, (row + offset[1]) / down
                    w, h = size * math.sqrt(ratio), size / math.sqrt(ratio)
                    made.append((cx, cy, 1.0, 1.0) if fixed else (cx, cy, w, h))
        layer = same
    return made


def kept_of(
    things: Sequence[Thing],
    *,
    threshold: float,
    nms: str = "class-wise",
    limit: float = 0.5,
    most: int = 100,
) -> list[Thing]:
    """What is left of all candidates."""
    above = [thing for thing in things if thing.score >= threshold]
    if nms == "weighted":
        return blended(above, limit)[:most]
    if nms == "none":
        return ranked(above)[:most]
    return greedy(above, limit, by_class=nms == "class-wise")[:most]


def of_row(
    row: Sequence[Any], *, objectness: bool, classes: int, points: int = 0, values: int = 2, act: str = "none"
) -> Thing:
    """A YOLO row: cx, cy, w, h, [objectness,] classes, key points."""
    numbers = [float(value) for value in row]
    first = 5 if objectness else 4
    scores = numbers[first : first + classes]
    if act == "sigmoid":
        scores = [sigmoid(score) for score in scores]
    if act == "softmax":
        scores = softmax(scores)
    there = 1.0
    if objectness:
        there = sigmoid(numbers[4]) if act == "sigmoid" else numbers[4]
    number, score = best_class(scores)
    rest = numbers[first + classes :]
    marks = [(rest[values * at], rest[values * at + 1]) for at in range(points)]
    return Thing(around(*numbers[:4]), score * there, number, marks)
