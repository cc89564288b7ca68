"""Pictures and results to draw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.results import Detections

Picture = npt.NDArray[np.uint8]


@pytest.fixture
def grey() -> Picture:
    """480 x 640, the same grey everywhere: what differs from it was drawn."""
    return np.full((480, 640, 3), 100, np.uint8)


@pytest.fixture
def boxes() -> Callable[..., Detections]:
    """Detections of these boxes, of classes 0, 1, 2 ..."""

    def _boxes(*xyxy: tuple[float, ...], labels: tuple[str, ...] = ()) -> Detections:
        number = len(xyxy)
        found = np.array(xyxy, np.float32).reshape(number, 4)
        scores = np.linspace(0.9, 0.5, max(1, number), dtype=np.float32)[:number]
        return Detections(found, scores, np.arange(number), labels)

    return _boxes
