"""Detection: mean average precision as COCO's evaluation defines it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.judge.matching import match, overlaps
from edgemm.judge.precision import average_precision
from edgemm.judge.truth import TrueBoxes, require_boxes
from edgemm.results import Detections

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""Overlaps that count as found."""
MAX_DETECTIONS = 100
"""Of each class in each picture: the best ones count."""
_RECORD = np.dtype([("score", np.float64), ("class_id", np.int32), ("right", np.uint16), ("void", np.uint16)])
"""One box: bit t of `right` says that it found a thing at threshold t, of `void` that it counts neither way there."""


class DetectionMetric:
    """mAP at IoU 0.5 and 0.5:0.95, at 101 levels of recall: of each class, then the mean of the classes that occur.

    Crowds and ignored things count as in COCO's own evaluation (pycocotools), whose figures it gives. A truth is a
    `TrueBoxes` in the class numbers of the result. Keeps 16 bytes for each box.
    """

    name: ClassVar[str] = "mAP50"
    unit: ClassVar[str] = "share"
    higher_is_better: ClassVar[bool] = True

    def __init__(self, max_detections: int = MAX_DETECTIONS) -> None:
        if isinstance(max_detections, bool) or not isinstance(max_detections, int) or max_detections < 1:
            raise InputError(f"max_detections: expected 1 or more, found {max_detections!r}")
        self._most = max_detections
        self._samples = self._count = 0
        self._boxes = np.empty(64, _RECORD)
        self._things: dict[int, int] = {}
        """Class -> things that are to be found."""
        self._names: dict[int, str] = {}

    def add(self, result: Detections, truth: TrueBoxes) -> None:
        """One picture.

        Raises:
            InputError: a box or a score is not finite, or the arrays of the result do not fit each other.
        """
        boxes, scores, classes = checked(result)
        self._samples += 1
        self._names.update(zip(classes.tolist(), result.labels, strict=False))
        counting = truth.class_ids[~(truth.crowd | truth.ignored)]
        for number, things in zip(*np.unique(counting, return_counts=True), strict=True):
            self._things[int(number)] = self._things.get(int(number), 0) + int(things)
        for number in np.unique(classes):
            there = classes == number
            self._add_class(int(number), boxes[there], scores[there], truth)

    def _add_class(
        self, number: int, boxes: npt.NDArray[np.float64], scores: npt.NDArray[np.float64], truth: TrueBoxes
    ) -> None:
        order = np.argsort(-scores, kind="stable")[: self._most]
        chosen = truth.class_ids == number
        crowd = truth.crowd[chosen]
        ignored = crowd | truth.ignored[chosen]
        shares = overlaps(boxes[order], truth.boxes_xyxy[chosen], crowd)
        rows = self._room(len(order))
        rows["score"], rows["class_id"], rows["right"], rows["void"] = scores[order], number, 0, 0
        for bit, threshold in enumerate(THRESHOLDS):
            found, void = match(shares, ignored, crowd, float(threshold))
            rows["right"] |= (found & ~void).astype(np.uint16) << bit
            rows["void"] |= void.astype(np.uint16) << bit

    def _room(self, count: int) -> npt.NDArray[Any]:
        """The next `count` records, to be written."""
        end = self._count + count
        if end > len(self._boxes):
            larger = np.empty(max(end, 2 * len(self._boxes)), _RECORD)
            larger[: self._count] = self._boxes[: self._count]
            self._boxes = larger
        self._count, begin = end, self._count
        return self._boxes[begin:end]

    def kept(self) -> list[list[float]]:
        """What was counted, as plain JSON values: [class, things] of each class that is to be found, and [class, score,
        right, void] of each box, at IoU 0.5."""
        things = [[number, count] for number, count in sorted(self._things.items())]
        rows = self._boxes[: self._count]
        at = (rows["class_id"], rows["score"], _bits(rows["right"], 0), _bits(rows["void"], 0))
        boxes = np.stack([each.astype(np.float64) for each in at], axis=1)
        return [*things, *boxes.tolist()]

    @staticmethod
    def value_of(kept: Sequence[Sequence[Sequence[float]]], repeats: Sequence[int]) -> float:
        """mAP at IoU 0.5 of the `kept` of several metrics, each `repeats[i]` times; NaN without a thing to be found."""
        things: dict[int, float] = {}
        boxes: list[Sequence[float]] = []
        for each, times in zip(kept, repeats, strict=True):
            for row in each if times else ():
                if len(row) == 2:
                    things[int(row[0])] = things.get(int(row[0]), 0) + times * row[1]
                else:
                    boxes += [row] * int(times)
        table = np.array(boxes, np.float64).reshape(-1, 4)
        found = []
        for number in sorted(things):
            rows = table[(table[:, 0] == number) & (table[:, 3] == 0)]
            order = np.argsort(-rows[:, 1], kind="stable")
            found.append(average_precision(rows[order, 2].astype(bool), int(things[number]))[0])
        return float(np.mean(found)) if found else float("nan")

    def value(self) -> float:
        """mAP at IoU 0.5, 0..1; NaN where there was nothing to be found."""
        precisions, _ = self._figures()
        return float(np.mean([each[0] for each in precisions.values()])) if precisions else float("nan")

    def report(self) -> dict[str, Any]:
        """`samples`, `things`, `mAP50`, `mAP75`, `mAP` (0.5:0.95), `recall` (the mean over these thresholds), and the
        same for each of `classes`."""
        precisions, recalls = self._figures()
        classes = {
            str(number): {
                "label": self._names.get(number, ""),
                "things": self._things[number],
                "AP50": float(each[0]),
                "AP": float(each.mean()),
                "recall": float(recalls[number].mean()),
            }
            for number, each in precisions.items()
        }
        table = np.array(list(precisions.values()))
        known = bool(len(table))
        return {
            "samples": self._samples,
            "things": sum(self._things.values()),
            self.name: float(table[:, 0].mean()) if known else None,
            "mAP75": float(table[:, 5].mean()) if known else None,
            "mAP": float(table.mean()) if known else None,
            "recall": float(np.array(list(recalls.values())).mean()) if known else None,
            "classes": classes,
        }

    def _figures(self) -> tuple[dict[int, npt.NDArray[Any]], dict[int, npt.NDArray[Any]]]:
        """Class -> average precision at each threshold, and recall."""
        kept = self._boxes[: self._count]
        precisions, recalls = {}, {}
        for number in sorted(self._things):
            rows = kept[kept["class_id"] == number]
            rows = rows[np.argsort(-rows["score"], kind="stable")]
            pairs = [
                average_precision(_bits(rows["right"], bit)[~_bits(rows["void"], bit)], self._things[number])
                for bit in range(len(THRESHOLDS))
            ]
            precisions[number], recalls[number] = np.array(pairs).T
        return precisions, recalls


def _bits(numbers: npt.NDArray[np.uint16], bit: int) -> npt.NDArray[np.bool_]:
    return (numbers >> bit & 1).astype(bool)


def checked(
    result: Detections,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Boxes float64[n, 4], scores, classes.

    Raises:
        InputError: they do not fit each other, or are not finite.
    """
    boxes = np.asarray(result.boxes_xyxy, np.float64).reshape(-1, 4)
    scores, classes = np.asarray(result.scores, np.float64), np.asarray(result.class_ids, np.int64)
    if not len(boxes) == len(scores) == len(classes):
        raise InputError(
            f"detections: expected one score and one class for each box, found {len(boxes)} boxes, {len(scores)} "
            f"scores, {len(classes)} classes"
        )
    require_boxes(boxes, "detections: a box")
    if not np.isfinite(scores).all():
        raise InputError("detections: expected finite scores, found NaN or infinity")
    return boxes, scores, classes
