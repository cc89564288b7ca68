"""A few candidates, decoded as Python's own numbers.

Most frames show one face or three cars: some ten candidates. For so few a call of NumPy takes longer than the
arithmetic that it does, all the more behind an inference, which leaves the caches to itself. What is said here of boxes
is what `nms` and `way_back` say of arrays, in double precision. Whatever is not plain (a rotated view, a box that is
NaN, has no area, or lies outside the frame) is left to them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from edgemm.tasks.detection.head import Head, Integers, Rows
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.way_back import WayBack

FEW, FEW_WEIGHTED, NUMBERS = 8, 16, 256
"""Candidates that are few, those of weighted suppression, and numbers of all their boxes and key points that are."""
_NEAR = 1e6
"""Pixels of the tensor, of all numbers of a row together. NaN is not below it either."""
_SLIM = 1e-3
"""Pixels: what is narrower may have no area in float32."""


def most_of_few(recipe: DetectionRecipe) -> int:
    """How many candidates at most go this way."""
    few = FEW_WEIGHTED if recipe.nms == "weighted" else FEW
    return min(few, NUMBERS // (4 + 2 * recipe.points), recipe.max_candidates)


def rows_of_few(head: Head, outputs: Outputs, index: Integers, wh: tuple[float, float]) -> Rows:
    """What `head.places` gives, as Python's own numbers."""
    short: Callable[[Outputs, Integers, tuple[float, float]], Rows] | None = getattr(head, "few", None)
    if short is not None:
        return short(outputs, index, wh)
    rows: Rows = head.places(outputs, index, wh).tolist()
    return rows


def plain(rows: Rows, way: WayBack) -> bool:
    """Whether each box has an area, and one in the frame, and its points are near: what `few` takes.

    Args:
        rows: left, top, right, bottom, then key points, in pixels of the tensor.
        way: back to the source.
    """
    if way.plain is None:
        return False
    across, down, x, y, width, height = way.plain
    for row in rows:
        left, top, right, bottom = row[:4]
        if not (
            right - left > _SLIM
            and bottom - top > _SLIM
            and sum(map(abs, row)) < _NEAR
            and right * across + x > _SLIM
            and bottom * down + y > _SLIM
            and left * across + x < width - _SLIM
            and top * down + y < height - _SLIM
        ):
            return False
    return True


def in_source(rows: Rows, way: WayBack) -> tuple[list[float], list[float]]:
    """Of plain rows, those of all one after another: their boxes in pixels of the source, cut at its edges; and their
    key points, not cut."""
    assert way.plain is not None
    across, down, x, y, width, height = way.plain
    boxes: list[float] = []
    points: list[float] = []
    for row in rows:
        left, top, right, bottom = row[:4]
        left, top = left * across + x, top * down + y
        right, bottom = right * across + x, bottom * down + y
        boxes += (
            left if left > 0 else 0.0,
            top if top > 0 else 0.0,
            right if right < width else width,
            bottom if bottom < height else height,
        )
        for at in range(4, len(row), 2):
            points += row[at] * across + x, row[at + 1] * down + y
    return boxes, points


def _same_as_first(rows: Rows, rest: Sequence[int], iou: float) -> set[int]:
    """Of the places `rest`, those whose box overlaps that of the first by more than `iou`; the first itself does."""
    first, *others = rest
    left, top, right, bottom = rows[first][:4]
    area = (right - left) * (bottom - top)
    same = {first}
    for at in others:
        left1, top1, right1, bottom1 = rows[at][:4]
        wide = (right if right < right1 else right1) - (left if left > left1 else left1)
        high = (bottom if bottom < bottom1 else bottom1) - (top if top > top1 else top1)
        both = wide * high if wide > 0 < high else 0.0
        if both > iou * (area + (right1 - left1) * (bottom1 - top1) - both):
            same.add(at)
    return same


def kept_of_few(
    recipe: DetectionRecipe, rows: Rows, scores: Sequence[float], classes: Sequence[int] | None
) -> tuple[Rows, list[int]]:
    """The rows that suppression leaves or makes, and for each the place of its best box.

    Args:
        rows: plain, best first.
        scores: of the rows.
        classes: of the rows; None where boxes of different classes meet.
    """
    limit = recipe.max_detections
    if len(rows) == 1:
        return rows, [0]
    iou = float(np.float32(recipe.iou))
    if recipe.nms == "weighted":
        return weighted_few(rows, scores, iou, limit)
    kept = suppress_few(rows, iou, limit, classes)
    return [rows[at] for at in kept], kept


def suppress_few(rows: Rows, iou: float, limit: int, classes: Sequence[int] | None = None) -> list[int]:
    """As `nms.suppress`: the places of the boxes that stay, best first."""
    rest = list(range(len(rows)))
    kept: list[int] = []
    while rest and len(kept) < limit:
        first = rest[0]
        kept.append(first)
        same = _same_as_first(rows, rest, iou)
        if classes is not None:
            same = {at for at in same if classes[at] == classes[first]}
        rest = [at for at in rest if at not in same]
    return kept


def weighted_few(rows: Rows, scores: Sequence[float], iou: float, limit: int) -> tuple[Rows, list[int]]:
    """As `nms.weighted`: the rows of the objects, and the place of the best box of each."""
    rest = list(range(len(rows)))
    kept: list[int] = []
    means: Rows = []
    while rest and len(kept) < limit:
        kept.append(rest[0])
        same = _same_as_first(rows, rest, iou)
        means.append(_mean(rows, scores, same))
        rest = [at for at in rest if at not in same] if len(same) < len(rest) else []
    return means, kept


def _mean(rows: Rows, scores: Sequence[float], same: Collection[int]) -> list[float]:
    """Of the rows of some places, weighted by their scores; where all of these are 0 they weigh alike."""
    total = sum([scores[at] for at in same])
    mean: list[float] = []
    for at in same:
        part = scores[at] / total if total > 0 else 1 / len(same)
        if mean:
            mean = [value + number * part for value, number in zip(mean, rows[at], strict=True)]
        else:
            mean = [number * part for number in rows[at]]
    return mean
