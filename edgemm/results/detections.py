"""Objects in a picture."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgemm.results.result import Result


def _no_points() -> npt.NDArray[np.float32]:
    return np.zeros((0, 0, 2), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Detections(Result):
    """Objects in a picture, best first."""

    boxes_xyxy: npt.NDArray[np.float32]
    """float32[n, 4]: left, top, right, bottom in pixels of the source frame."""
    scores: npt.NDArray[np.float32]
    """float32[n], 0..1."""
    class_ids: npt.NDArray[np.int64]
    """int64[n]."""
    labels: tuple[str, ...] = ()
    """Name of each box's class."""
    points_xy: npt.NDArray[np.float32] = field(default_factory=_no_points)
    """float32[n, k, 2]: the key points of each box in pixels of the source frame, where the model gives any."""
