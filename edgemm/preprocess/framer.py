"""Running sound cut into overlapping analysis windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt


class Framer:
    """Window t covers the samples [skip + t * hop, skip + t * hop + window). Holds the one that is incomplete."""

    def __init__(self, window: int, hop: int, skip: int = 0) -> None:
        self._window, self._hop, self._skip = window, hop, skip
        self._samples = np.zeros(window)
        self.reset()

    def push(self, samples: npt.NDArray[Any]) -> Iterator[npt.NDArray[np.float64]]:
        """Takes the next samples and yields each window that becomes complete.

        Yields:
            float64[window], to be read only, and overwritten by the next one.
        """
        at = min(self._ahead, len(samples))
        self._ahead -= at
        while at < len(samples):
            take = min(self._window - self._filled, len(samples) - at)
            self._samples[self._filled : self._filled + take] = samples[at : at + take]
            self._filled += take
            at += take
            if self._filled == self._window:
                yield self._samples
                self._filled -= self._hop
                self._samples[: self._filled] = self._samples[self._hop :]

    def reset(self) -> None:
        """Forgets all samples."""
        self._filled, self._ahead = 0, self._skip
