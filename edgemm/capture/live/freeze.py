"""Notices a picture that does not change any more."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_STEP = 8
"""Every eighth pixel of every eighth row is compared: 14,400 of a 1280x720 picture."""


class FreezeDetector:
    """Tells how long the same picture has been coming.

    A sensor has noise, so that two pictures of one are never alike bit by bit; a server that repeats its
    last picture, or a driver that hands out one buffer for ever, is betrayed by it.
    """

    def __init__(self) -> None:
        self._sample: npt.NDArray[np.uint8] | None = None
        self._since_ns = 0

    def still_ns(self, pixels: npt.NDArray[np.uint8], now_ns: int) -> int:
        """Nanoseconds for which `pixels` and those before them have been alike; 0 for a new picture."""
        sample = pixels[::_STEP, ::_STEP]
        if self._sample is None or not np.array_equal(sample, self._sample):
            self._sample = sample.copy()
            self._since_ns = now_ns
        return now_ns - self._since_ns
