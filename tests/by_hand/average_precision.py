"""Mean average precision as COCO counts it, at one IoU: 101 points of recall, greedy matching, best score first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


class Boxes(NamedTuple):
    """Boxes of one picture; the scores of what is true are not looked at."""

    boxes_xyxy: Floats
    classes: npt.NDArray[np.int64]
    scores: Floats


def iou(box: Floats, others: Floats) -> Floats:
    """Intersection over union of one box with each of the others."""
    wide = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    high = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    both = np.maximum(wide, 0) * np.maximum(high, 0)
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return np.asarray(both / ((box[2] - box[0]) * (box[3] - box[1]) + areas - both))


def average_precision(hits: Sequence[bool], scores: Sequence[float], positives: int) -> float:
    """Area under precision over recall, read at 101 points of recall."""
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    right = np.asarray(hits, bool)[order].cumsum()
    if not len(right):
        return 0.0
    precision = right / np.arange(1, len(right) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(right / positives, np.linspace(0, 1, 101), side="left")
    return float(np.append(precision, 0.0)[np.minimum(at, len(precision))].mean())


def mean_average_precision(
    found: Sequence[Boxes], true: Sequence[Boxes], at_iou: float = 0.5
) -> dict[int, float]:
    """Class -> average precision, for every class that occurs in `true`."""
    classes = sorted({int(each) for one in true for each in one.classes})
    return {each: _of_class(found, true, each, at_iou) for each in classes}


def _of_class(found: Sequence[Boxes], true: Sequence[Boxes], class_id: int, at_iou: float) -> float:
    hits: list[bool] = []
    scores: list[float] = []
    positives = 0
    for mine, theirs in zip(found, true, strict=True):
        wanted = theirs.boxes_xyxy[theirs.classes == class_id]
        taken = np.zeros(len(wanted), bool)
        positives += len(wanted)
        of_class = np.flatnonzero(mine.classes == class_id)
        for each in of_class[np.argsort(-mine.scores[of_class], kind="stable")]:
            overlaps = iou(mine.boxes_xyxy[each], wanted) if len(wanted) else np.zeros(0)
            overlaps = np.where(taken, -1.0, overlaps)
            best = int(overlaps.argmax()) if len(wanted) else -1
            hit = best >= 0 and bool(overlaps[best] >= at_iou)
            if hit:
                taken[best] = True
            hits.append(hit)
            scores.append(float(mine.scores[each]))
    return average_precision(hits, scores, positives)
