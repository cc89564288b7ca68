"""Landmarks: how far the points are from where they ought to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.judge.truth import TruePoints
from edgemm.results import Landmarks

NEAR = 0.1
"""Share of a thing's scale within which a point counts as right."""


class LandmarksMetric:
    """The mean distance of points, as a share of the thing's scale (`TruePoints.scale`); the report has pixels too.

    A truth is a `TruePoints`, the `Landmarks` of another model, or several of them where a picture shows several
    things: the nearest counts. Points that are not known are not compared. A result of None, or
    without points, is a thing that was not found: it is counted, and is in no mean.
    """

    name: ClassVar[str] = "point error"
    unit: ClassVar[str] = "share"
    higher_is_better: ClassVar[bool] = False

    def __init__(self) -> None:
        self._samples = self._absent = self._points = self._scaled_points = self._near = 0
        self._pixels = self._shares = self._worst_px = 0.0

    def add(
        self, result: Landmarks | None, truth: TruePoints | Landmarks | Sequence[TruePoints | Landmarks]
    ) -> None:
        """One thing.

        Raises:
            InputError: another number of points than in the truth, or NaN.
        """
        several = [truth] if isinstance(truth, TruePoints | Landmarks) else list(truth)
        if not several:
            raise InputError("landmarks: expected the points of at least one thing as the truth, found none")
        truths = [_true_points(each) for each in several]
        if result is None or not len(result.points_xy):
            self._samples += 1
            self._absent += 1
            return
        errors = [_distances(result, each) for each in truths]
        at = min(range(len(errors)), key=lambda i: errors[i].mean() if len(errors[i]) else np.inf)
        self._samples += 1
        self._count(errors[at], truths[at].scale)

    def _count(self, distances: npt.NDArray[np.float64], scale: float) -> None:
        self._points += len(distances)
        self._pixels += float(distances.sum())
        self._worst_px = max(self._worst_px, float(distances.max(initial=0.0)))
        if scale > 0:
            self._scaled_points += len(distances)
            self._shares += float(distances.sum()) / scale
            self._near += int((distances <= NEAR * scale).sum())

    def value(self) -> float:
        """Mean over all points, as a share of their things' scales; NaN where nothing could be compared."""
        return self.value_of(self.counts())

    def counts(self) -> npt.NDArray[np.float64]:
        """float64[2]: sum of the distances as shares of their scales, points."""
        return np.array([self._shares, self._scaled_points], np.float64)

    @staticmethod
    def value_of(counts: npt.NDArray[np.float64]) -> float:
        """Of summed `counts`."""
        return float(counts[0] / counts[1]) if counts[1] else float("nan")

    def mean_px(self) -> float:
        """Mean over all points, pixels; NaN where nothing could be compared."""
        return self._pixels / self._points if self._points else float("nan")

    def report(self) -> dict[str, Any]:
        """`samples`, `found` (share of things), `point error`, `mean_px`, `worst_px`, `near` (share of points within a
        tenth of the scale)."""
        scaled = self._scaled_points
        return {
            "samples": self._samples,
            "found": 1 - self._absent / self._samples if self._samples else None,
            self.name: self.value() if scaled else None,
            "mean_px": self.mean_px() if self._points else None,
            "worst_px": self._worst_px if self._points else None,
            "near": self._near / scaled if scaled else None,
        }


def _true_points(truth: TruePoints | Landmarks) -> TruePoints:
    return truth if isinstance(truth, TruePoints) else TruePoints(np.asarray(truth.points_xy, np.float64))


def _distances(result: Landmarks, truth: TruePoints) -> npt.NDArray[np.float64]:
    """Of the known points, pixels."""
    points = np.asarray(result.points_xy, np.float64)
    if points.shape != truth.points_xy.shape:
        raise InputError(
            f"landmarks: expected as many points as the truth has ({len(truth.points_xy)}), found {list(points.shape)}"
        )
    points = points[truth.known]
    if not np.isfinite(points).all():
        raise InputError("landmarks: expected finite coordinates in the result, found NaN or infinity")
    return np.asarray(np.hypot(*(points - truth.points_xy[truth.known]).T), np.float64)
