"""Non-maximum suppression: of the boxes of one object one is left.

Boxes come best first. Two boxes are of one object where their intersection over union is above a limit; a box of no
area overlaps nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
_CHUNK = 128
"""Boxes that are compared with each other at once."""


def overlaps(one: Floats, other: Floats) -> Floats:
    """float32[n, m]: intersection over union of float32[n, 4] with float32[m, 4], left, top, right, bottom."""
    left, top, right, bottom = one.T[:, :, None]
    left2, top2, right2, bottom2 = other.T
    wide = np.minimum(right, right2) - np.maximum(left, left2)
    high = np.minimum(bottom, bottom2) - np.maximum(top, top2)
    both = np.maximum(wide, 0) * np.maximum(high, 0)
    union = _areas(one)[:, None] + _areas(other) - both
    return np.asarray(np.divide(both, union, out=np.zeros_like(both), where=union > 0))


def _areas(boxes: Floats) -> Floats:
    left, top, right, bottom = boxes.T
    return np.asarray(np.maximum(right - left, 0) * np.maximum(bottom - top, 0))


def suppress(boxes: Floats, iou: float, limit: int, classes: Integers | None = None) -> Integers:
    """The best box of each object: a box falls where it overlaps a better one that stays.

    Args:
        boxes: float32[n, 4], best first.
        iou: the limit of the overlap.
        limit: at most so many are kept.
        classes: int64[n]: boxes of different classes do not meet; None: all do.

    Returns:
        int64[k]: places of those that stay, best first.
    """
    kept: list[int] = []
    for begin in range(0, len(boxes), _CHUNK):
        part = np.arange(begin, min(begin + _CHUNK, len(boxes)))
        if kept:
            part = part[~_meet(boxes, np.array(kept), part, iou, classes).any(axis=0)]
        falls = _meet(boxes, part, part, iou, classes)
        alive = np.ones(len(part), bool)
        for at in range(len(part)):
            if alive[at]:
                kept.append(int(part[at]))
                if len(kept) == limit:
                    return np.array(kept, np.int64)
                alive &= ~falls[at]
    return np.array(kept, np.int64)


def _meet(
    boxes: Floats, one: Integers, other: Integers, iou: float, classes: Integers | None
) -> npt.NDArray[np.bool_]:
    """bool[n, m]: which are of one object."""
    same = overlaps(boxes[one], boxes[other]) > np.float32(iou)
    return same if classes is None else same & (classes[one][:, None] == classes[other][None, :])


def weighted(
    boxes: Floats, points: Floats, scores: Floats, iou: float, limit: int
) -> tuple[Floats, Floats, Integers]:
    """MediaPipe's: an object is the mean of all its boxes and key points, weighted by their scores.

    Args:
        boxes: float32[n, 4], best first.
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
        same = overlaps(boxes[best : best + 1], boxes[left])[0] > np.float32(iou)
        same[0] = True  # itself, with an iou of 1 as well
        members = left[same]
        total = scores[members].sum()
        weights = (
            scores[members] / total if total > 0 else np.full(len(members), 1 / len(members), np.float32)
        )
        means.append(weights @ values[members])
        kept.append(best)
        left = left[~same]
    mean = np.asarray(means, np.float32).reshape(len(kept), values.shape[1])
    return mean[:, :4], mean[:, 4:].reshape(len(kept), *points.shape[1:]), np.array(kept, np.int64)
