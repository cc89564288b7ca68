"""Ultraface (RFB, 320x240) as one drives it today: ONNX Runtime, OpenCV and NumPy, nothing of edgemm.

RGB, stretched to 320x240, (pixel - 127) / 128. Boxes come decoded (left, top, right, bottom from 0 to 1) with the
scores of background and face behind a softmax; suppression is left to the user: IoU 0.5 here, 0.3 in its authors' demo.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.by_hand.boxes import hard_nms
from tests.by_hand.runtimes import onnx_session
from tests.by_hand.sampling import stretched

WIDTH, HEIGHT = 320, 240


class UltraFace:
    """The network in one session, one thread."""

    def __init__(self, path: Path, *, exact: bool = False) -> None:
        self._exact = exact
        self._session = onnx_session(path)

    def __call__(
        self, rgb: npt.NDArray[np.uint8], threshold: float, at_iou: float = 0.5
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Faces of a picture uint8[height, width, 3], RGB: boxes float32[n, 4] in pixels and scores, best first."""
        scores, boxes = self.outputs(rgb)
        face = scores[0, :, 1]
        kept = face >= threshold
        height, width = rgb.shape[:2]
        in_pixels = boxes[0, kept] * np.array([width, height, width, height], np.float32)
        best = hard_nms(in_pixels, face[kept], at_iou)
        return in_pixels[best], face[kept][best]

    def outputs(self, rgb: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """scores[1, 4420, 2] and boxes[1, 4420, 4]."""
        resized = stretched(rgb, WIDTH, HEIGHT, exact=self._exact)
        tensor = ((resized.astype(np.float32) - 127) / 128).transpose(2, 0, 1)[None]
        scores, boxes = self._session.run(None, {"input": np.ascontiguousarray(tensor)})
        return scores, boxes
