"""Non-maximum suppression as one writes it by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tests.by_hand.average_precision import iou

Floats = npt.NDArray[np.floating[Any]]


def hard_nms(boxes_xyxy: Floats, scores: Floats, at_iou: float) -> npt.NDArray[np.int64]:
    """Places of the boxes that are kept, best first: each drops the later ones that overlap it more than `at_iou`."""
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[iou(boxes_xyxy[best], boxes_xyxy[order]) <= at_iou]
    return np.array(kept, np.int64)


def weighted_nms(rows: Floats, scores: Floats, at_iou: float) -> tuple[Floats, Floats]:
    """Each box that is kept is the mean, weighted by score, of those that overlap it more than `at_iou`.

    Args:
        rows: float[n, 4 + 2k]: left, top, right, bottom, then key points, all averaged alike.
        scores: float[n].
        at_iou: smallest overlap of boxes that are one thing.

    Returns:
        The rows and the scores kept, best first; a score is the best of those that were put together.
    """
    order = np.argsort(-scores, kind="stable")
    kept, best_scores = [], []
    while len(order):
        best = order[0]
        same = iou(rows[best, :4], rows[order, :4]) > at_iou
        weights = scores[order[same]]
        kept.append((rows[order[same]] * weights[:, None]).sum(axis=0) / weights.sum())
        best_scores.append(scores[best])
        order = order[~same]
    return np.array(kept, rows.dtype).reshape(-1, rows.shape[1]), np.array(best_scores, scores.dtype)
