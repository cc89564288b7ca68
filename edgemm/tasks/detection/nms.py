"""Non-maximum suppression: of the boxes of one object one is left.

Boxes come best first. Two boxes are of one object where their intersection over union is above a limit; boxes have
an area.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
_ZERO = np.float32(0)
_FIRST = slice(0, 1)
_CHUNK = 128
"""Boxes that are compared with each other at once."""


def same_object(one: Floats, other: Floats, iou: float) -> npt.NDArray[np.bool_]:
    """bool[n, m]: which boxes of float32[n, 4] and float32[m, 4] overlap by more than `iou`."""
    left, top, right, bottom = other.T
    area = (right - left) * (bottom - top)
    left1, top1, right1, bottom1 = one.T[:, :, None]
    area1 = area[:, None] if one is other else (right1 - left1) * (bottom1 - top1)
    wide = np.minimum(right1, right) - np.maximum(left1, left)
    high = np.minimum(bottom1, bottom) - np.maximum(top1, top)
    both = np.maximum(wide, 0) * np.maximum(high, 0)
    return np.asarray(both > np.float32(iou) * (area1 + area - both))


def suppress(boxes: Floats, iou: float, limit: int, classes: Integers | None = None) -> Integers:
    """The best box of each object: a box falls where it overlaps a better one that stays.

    Args:
        boxes: float32[n, 4] with an area, best first.
        iou: the limit of the overlap.
        limit: at most so many are kept.
        classes: int64[n]: boxes of different classes do not meet; None: all do.

    Returns:
        int64[k]: places of those that stay, best first.
    """
    kept: list[int] = []
    for begin in range(0, len(boxes), _CHUNK):
        part = boxes[begin : begin + _CHUNK]
        group = None if classes is None else classes[begin : begin + _CHUNK]
        meets = same_object(part, part, iou)
        alive = np.ones(len(part), bool)
        if kept:
            fallen = same_object(boxes[kept], part, iou)
            if classes is not None:
                fallen &= classes[kept][:, None] == group
            alive[fallen.any(axis=0)] = False
        if group is not None:
            meets &= group[:, None] == group
        for at in range(len(part)):
            if alive[at]:
                kept.append(begin + at)
                if len(kept) == limit:
                    return np.array(kept, np.int64)
                alive[meets[at]] = False
    return np.array(kept, np.int64)


def weighted(rows: Floats, scores: Floats, iou: float, limit: int) -> tuple[Floats, Integers | slice]:
    """MediaPipe's: an object is the mean of all its boxes and key points, weighted by their scores.

    Args:
        rows: float32[n, 4 + 2k], best first: a box with an area, then its key points.
        scores: float32[n]; where all of an object are 0 they weigh alike.
        iou: the limit of the overlap, with the best box of the object.
        limit: at most so many objects.

    Returns:
        The rows of the objects, and the place of the best box of each, whose score and class are the object's.
    """
    rest = _Rest(np.ascontiguousarray(rows), scores, None, _areas(rows))
    means: list[Floats] = []
    kept: list[int] = []
    while len(rest.rows) and len(kept) < limit:
        kept.append(0 if rest.places is None else int(rest.places[0]))
        same = _same_as_first(rest, iou)
        if np.count_nonzero(same) == len(same):
            means.append(_mean(rest.rows, rest.scores))
            break
        means.append(_mean(rest.rows[same], rest.scores[same]))
        rest = rest.only(~same)
    if len(kept) == 1:
        return means[0].reshape(1, rows.shape[1]), _FIRST
    return np.array(means, np.float32).reshape(len(kept), rows.shape[1]), np.array(kept, np.int64)


class _Rest(NamedTuple):
    """The boxes that belong to no object yet."""

    rows: Floats
    scores: Floats
    places: Integers | None
    """Among all boxes; None: these are all."""
    areas: Floats

    def only(self, which: npt.NDArray[np.bool_]) -> _Rest:
        places = which.nonzero()[0] if self.places is None else self.places[which]
        return _Rest(self.rows[which], self.scores[which], places, self.areas[which])


def _areas(rows: Floats) -> Floats:
    sizes = rows[:, 2:4] - rows[:, :2]
    return np.asarray(sizes[:, 0] * sizes[:, 1])


def _same_as_first(rest: _Rest, iou: float) -> npt.NDArray[np.bool_]:
    """bool[n]: which boxes overlap the first by more than `iou`; the first itself does."""
    begins, ends, areas = rest.rows[:, :2], rest.rows[:, 2:4], rest.areas
    shared = np.minimum(ends, ends[0])
    shared -= np.maximum(begins, begins[0])
    np.maximum(shared, _ZERO, out=shared)
    both = shared[:, 0] * shared[:, 1]
    limits = areas[0] - both
    limits += areas
    limits *= np.float32(iou)
    same = both > limits
    same[0] = True  # with an iou of 1 as well
    return np.asarray(same)


def _mean(rows: Floats, scores: Floats) -> Floats:
    total = np.add.reduce(scores)
    weights = scores / total if total > 0 else np.full(len(scores), 1 / len(scores), np.float32)
    return np.asarray(weights @ rows)
