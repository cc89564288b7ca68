"""Segmentation: how far the areas of each class overlap with the right ones."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.judge.truth import TrueClasses
from edgemm.results import Segmentation

_START = 2
"""Classes that there is room for at first."""


class SegmentationMetric:
    """mIoU: intersection over union of each class over all pixels of all pictures, then the mean of the classes.

    Classes that are in neither truth nor answers are left out. A truth is a `TrueClasses`, or the `Segmentation` of
    another model, of which every pixel counts. Keeps six numbers for each class.
    """

    name: ClassVar[str] = "mIoU"
    unit: ClassVar[str] = "share"
    higher_is_better: ClassVar[bool] = True

    def __init__(self) -> None:
        self._samples = 0
        self._both, self._true, self._found = (np.zeros(_START, np.int64) for _ in range(3))
        self._by_picture = np.zeros(_START)
        """Sum over pictures of the class's IoU there."""
        self._pictures = np.zeros(_START, np.int64)
        """Pictures that the class is in, by truth or answer."""

    def add(self, result: Segmentation, truth: TrueClasses | Segmentation) -> None:
        """One picture.

        Raises:
            InputError: answer and truth have unlike sizes, or hold no integers.
        """
        found, right, ignore = _maps(result, truth)
        if ignore is not None:
            kept = right != ignore
            found, right = found[kept], right[kept]
        size = int(max(found.max(initial=0), right.max(initial=0))) + 1
        both = np.bincount(right[found == right], minlength=size)
        true, answered = (np.bincount(each.reshape(-1), minlength=size) for each in (right, found))
        self._grow(size)
        for total, count in ((self._both, both), (self._true, true), (self._found, answered)):
            total[:size] += count
        union = true + answered - both
        there = union > 0
        self._by_picture[:size][there] += both[there] / union[there]
        self._pictures[:size] += there
        self._samples += 1

    def value(self) -> float:
        """mIoU, 0..1; NaN where no pixel counts."""
        return self.value_of(self.counts())

    def counts(self) -> npt.NDArray[np.float64]:
        """float64[3n]: of n classes, in turn, the pixels in answer and truth, in the truth, in the answer."""
        return np.stack([self._both, self._true, self._found], axis=1).reshape(-1).astype(np.float64)

    @staticmethod
    def value_of(counts: npt.NDArray[np.float64]) -> float:
        """Of summed `counts`, the shorter ones filled up with zeros."""
        both, true, found = counts.reshape(-1, 3).T
        union = true + found - both
        there = union > 0
        return float(np.mean(both[there] / union[there])) if there.any() else float("nan")

    def pixels_alike(self) -> float:
        """Share of pixels with the right class, 0..1; NaN where no pixel counts."""
        total = int(self._true.sum())
        return int(self._both.sum()) / total if total else float("nan")

    def common(self, least: float) -> float:
        """The mean IoU of the classes that have at least this share of the right pixels; NaN where there are none."""
        ious = self._ious()[self._true >= max(least * self._true.sum(), 1)]
        return float(ious.mean()) if len(ious) else float("nan")

    def report(self) -> dict[str, Any]:
        """`samples`, `mIoU`, `pixels` (share with the right class), and for each of `classes` its `iou`, the mean over
        the pictures that it is in (`iou_by_picture`), and how many these are."""
        ious, value = self._ious(), self.value()
        classes = {
            str(number): {
                "iou": float(ious[number]),
                "iou_by_picture": float(self._by_picture[number] / self._pictures[number]),
                "pictures": int(self._pictures[number]),
            }
            for number in np.flatnonzero(self._pictures)
        }
        return {
            "samples": self._samples,
            self.name: None if np.isnan(value) else value,
            "pixels": None if np.isnan(value) else self.pixels_alike(),
            "classes": classes,
        }

    def _ious(self) -> npt.NDArray[np.float64]:
        """NaN for a class that is in neither."""
        union = self._true + self._found - self._both
        ious: npt.NDArray[np.float64] = np.full(len(union), np.nan)
        np.divide(self._both, union, out=ious, where=union > 0)
        return ious

    def _grow(self, size: int) -> None:
        more = size - len(self._both)
        if more <= 0:
            return
        for name in ("_both", "_true", "_found", "_by_picture", "_pictures"):
            setattr(self, name, np.pad(getattr(self, name), (0, more)))


def _maps(
    result: Segmentation, truth: TrueClasses | Segmentation
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], int | None]:
    found, right = np.asarray(result.classes), np.asarray(truth.classes)
    ignore = truth.ignore if isinstance(truth, TrueClasses) else None
    for what, each in (("the answer", found), ("the truth", right)):
        if each.ndim != 2 or each.dtype.kind != "u" or each.dtype.itemsize > 2:
            raise InputError(
                f"segmentation: expected {what} as uint8 or uint16 [height, width], found {each.dtype}"
                f"{list(each.shape)}"
            )
    if found.shape != right.shape:
        raise InputError(
            f"segmentation: expected answer and truth of one size, found {list(found.shape)} and "
            f"{list(right.shape)} (height, width). Does the mask belong to this picture?"
        )
    return found, right, ignore
