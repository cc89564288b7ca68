"""BlazeFace by hand, as fast as one writes it: nothing of the size of a tensor is made, and little is decoded.

The same answers as `tests.by_hand.blazeface` with "nearest", for frames of one size. Tensors are LiteRT's own memory,
the threshold is moved to the logits, and only the anchors above it are decoded.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.by_hand.blazeface import Boxes, anchors
from tests.by_hand.boxes import weighted_nms

SIZE = 128


class FastBlazeFace:
    """One interpreter, one thread, frames of one size."""

    def __init__(self, path: Path, width: int, height: int, threshold: float) -> None:
        import cv2
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.tensor(self._interpreter.get_input_details()[0]["index"])
        self._boxes, self._logits = (
            self._interpreter.tensor(each["index"]) for each in self._interpreter.get_output_details()
        )
        self._anchors = anchors(((16, 2), (8, 6)), SIZE)
        self._least = math.log(threshold / (1 - threshold))
        longer = max(width, height)
        self._wide, self._high = round(width * SIZE / longer), round(height * SIZE / longer)
        left, top = (SIZE - self._wide) // 2, (SIZE - self._high) // 2
        self._area = slice(top, top + self._high), slice(left, left + self._wide)
        self._small = np.empty((self._high, self._wide, 3), np.uint8)
        self._scale = np.array([width / self._wide, height / self._high], np.float32)
        self._border = np.array([left, top], np.float32)
        self._input()[...] = -1
        self._resize, self._nearest = cv2.resize, cv2.INTER_NEAREST

    def __call__(self, rgb: npt.NDArray[np.uint8]) -> Boxes:
        """Faces of a frame uint8[height, width, 3], RGB, of the size that was said."""
        self._resize(rgb, (self._wide, self._high), dst=self._small, interpolation=self._nearest)
        shown = self._input()[0][self._area]
        np.multiply(self._small, np.float32(1 / 127.5), out=shown)
        np.subtract(shown, np.float32(1), out=shown)
        del shown  # LiteRT runs only where nothing points into its memory
        self._interpreter.invoke()
        logits = self._logits()[0, :, 0]
        kept = np.flatnonzero(logits >= self._least)
        scores = 1 / (1 + np.exp(-logits[kept]))
        raw, centres = self._boxes()[0, kept].reshape(-1, 8, 2), self._anchors[kept]
        rows = raw + centres[:, None]  # middle, size + centre, points
        half = raw[:, 1] / 2
        rows[:, 1] = rows[:, 0] + half
        rows[:, 0] -= half
        merged, best = weighted_nms(rows.reshape(-1, 16), scores, 0.3)
        points = (merged.reshape(-1, 8, 2) - self._border) * self._scale
        return Boxes(points[:, :2].reshape(-1, 4), points[:, 2:], best)
