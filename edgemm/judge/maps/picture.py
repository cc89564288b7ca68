"""Pictures of which parts are hidden."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.judge.maps.map import Kind, Map
from edgemm.judge.maps.parts import Mask
from edgemm.media import Frame
from edgemm.opencv import opencv

_BLUR = 8
"""The blur's sigma is the shorter side divided by this: no thing is left of what is in the picture."""


class PictureParts:
    """See `edgemm.judge.maps.parts.Parts`."""

    kind: Kind = "image"

    def __init__(self, frame: Frame, baseline: str) -> None:
        """Args:
        baseline: "mean" or "blur".
        """
        self._frame = frame
        pixels = frame.pixels
        self.shape: tuple[int, ...] = pixels.shape[:2]
        self._pixels = pixels.reshape(*self.shape, -1).astype(np.float32)
        self._hidden = self._baseline(baseline)

    def _baseline(self, baseline: str) -> npt.NDArray[np.float32]:
        if baseline == "mean":
            return np.asarray(self._pixels.mean(axis=(0, 1), keepdims=True), np.float32)
        sigma = max(1.0, min(self.shape) / _BLUR)
        cv2 = opencv()
        blurred: Any = cv2.GaussianBlur(self._pixels, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(blurred, np.float32).reshape(self._pixels.shape)

    def shown(self, mask: Mask) -> Frame:
        """The picture with a part of it."""
        part = mask.astype(np.float32, copy=False)[..., None]
        mixed = np.rint(self._hidden + part * (self._pixels - self._hidden))
        pixels = mixed.astype(np.uint8).reshape(self._frame.pixels.shape)
        return replace(self._frame, pixels=pixels)

    def drawn(self, values: npt.NDArray[np.float32], about: dict[str, Any]) -> Map:
        """A map over the picture."""
        return Map(values, kind=self.kind, **about)
