"""Non-maximum suppression: of the boxes of one object one is left.

Boxes come best first. Two boxes are of one object where their intersection over union is above a limit; boxes have
an area.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
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


def _overlapping(one: Floats, others: Floats, iou: float) -> npt.NDArray[np.bool_]:
    """bool[n]: the same of one box float32[4]."""
    ends, begins = np.minimum(others[:, 2:], one[2:]), np.maximum(others[:, :2], one[:2])
    shared = np.maximum(np.subtract(ends, begins, out=ends), 0, out=ends)
    both = shared[:, 0] * shared[:, 1]
    sizes = others[:, 2:] - others[:, :2]
    areas = sizes[:, 0] * sizes[:, 1]
    areas += (one[2] - one[0]) * (one[3] - one[1]) - both
    areas *= np.float32(iou)
    return np.asarray(both > areas)


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


def weighted(
    boxes: Floats, points: Floats, scores: Floats, iou: float, limit: int
) -> tuple[Floats, Floats, Integers]:
    """MediaPipe's: an object is the mean of all its boxes and key points, weighted by their scores.

    Args:
        boxes: float32[n, 4] with an area, best first.
        points: float32[n, k, 2].
        scores: float32[n]; where all of an object are 0 they weigh alike.
        iou: the limit of the overlap, with the best box of the object.
        limit: at most so many objects.

    Returns:
        Boxes, key points, and the place of the best box of each object, whose score and class are the object's.
    """
    values = np.concatenate([boxes, points.reshape(len(points), 2 * points.shape[1])], axis=1)
    left = np.arange(len(boxes))
    means: list[Floats] = []
    kept: list[int] = []
    while left.size and len(kept) < limit:
        best = int(left[0])
        others = boxes if len(left) == len(boxes) else boxes[left]
        same = _overlapping(boxes[best], others, iou)
        same[0] = True  # itself, with an iou of 1 as well
        members = left[same]
        total = scores[members].sum()
        weights = (
            scores[members] / total if total > 0 else np.full(len(members), 1 / len(members), np.float32)
        )
        means.append(weights @ values[members])
        kept.append(best)
        left = left[~same]
    mean = np.array(means, np.float32).reshape(len(kept), values.shape[1])
    return mean[:, :4], mean[:, 4:].reshape(len(kept), *points.shape[1:]), np.array(kept, np.int64)
