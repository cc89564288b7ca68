"""Detections of one model against those of another: what is kept, what is extra."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from edgemm.errors import InputError
from edgemm.judge.detection import checked
from edgemm.judge.matching import most_pairs, overlaps
from edgemm.results import Detections


class DetectionAgreement:
    """The share of the reference's detections that are kept: a box of the same class overlaps it with IoU >= `iou`.

    Each box is in one pair at most, and the pairs are chosen so that as many as possible are kept. Scores play no part.
    What has no partner is lost on the reference's side and extra on the other. `add(result, reference)`: say, the int8
    file's and the float model's.
    """

    name: ClassVar[str] = "kept"
    unit: ClassVar[str] = "share"
    higher_is_better: ClassVar[bool] = True

    def __init__(self, iou: float = 0.5) -> None:
        if isinstance(iou, bool) or not isinstance(iou, int | float) or not 0 < iou <= 1:
            raise InputError(f"iou: expected a number above 0, at most 1, found {iou!r}")
        self._iou = float(iou)
        self._samples = self.kept = self.reference = self.found = 0

    @property
    def extra(self) -> int:
        """Detections that the reference does not have."""
        return self.found - self.kept

    def add(self, result: Detections, truth: Detections) -> None:
        """One picture.

        Raises:
            InputError: as `DetectionMetric.add`.
        """
        boxes, _, classes = checked(result)
        others, _, wanted = checked(truth)
        self._samples += 1
        self.found += len(boxes)
        self.reference += len(others)
        for number in np.intersect1d(classes, wanted):
            shares = overlaps(others[wanted == number], boxes[classes == number])
            self.kept += most_pairs(shares >= self._iou)

    def value(self) -> float:
        """Share kept, 0..1; NaN where the reference found nothing."""
        return self.kept / self.reference if self.reference else float("nan")

    def report(self) -> dict[str, Any]:
        """`samples`, `kept` (share), and how many the reference has, are lost, and are extra."""
        return {
            "samples": self._samples,
            self.name: self.value() if self.reference else None,
            "reference": self.reference,
            "lost": self.reference - self.kept,
            "extra": self.extra,
        }
