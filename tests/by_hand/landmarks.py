"""Face and body landmarks as one drives them today: LiteRT, OpenCV and NumPy, nothing of edgemm.

Face: RGB from 0 to 1, a square crop of 1.5 times the face's box; 468 x (x, y, z) in pixels of the 192x192 tensor, and a
logit that a face is there. Body: RGB from 0 to 1, a square crop around the person, or a whole picture letterboxed in
black; 39 x (x, y, z, logit of visibility, logit of presence) in pixels of the 256x256 tensor, the first 33 of them
joints, and a probability that a person is there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tests.by_hand.runtimes import LiteRt
from tests.by_hand.sampling import stretched

Floats = npt.NDArray[np.float32]


class Marks(NamedTuple):
    """Points of one face or body."""

    points_xy: Floats
    """float32[k, 2], pixels of the picture that was given."""
    depths: Floats
    """float32[k], in the scale of x."""
    scores: Floats
    """float32[k]: visibility from 0 to 1; all 1 for a face."""
    score: float
    """That it is there, 0 to 1."""


def face_crop(
    rgb: npt.NDArray[np.uint8], box_xyxy: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.uint8], tuple[int, int]]:
    """The square of 1.5 times a face's longer side, as far as it lies in the picture, and its left and top pixel."""
    left, top, right, bottom = (float(each) for each in box_xyxy)
    half = 0.75 * max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    first_x, first_y = max(0, round(x - half)), max(0, round(y - half))
    return rgb[first_y : round(y + half), first_x : round(x + half)], (first_x, first_y)


class FaceMarks:
    """468 points of a face crop that is stretched to the tensor."""

    SIZE = 192

    def __init__(self, path: Path, *, exact: bool = False) -> None:
        self._exact = exact
        self._network = LiteRt(path)

    def __call__(self, rgb: npt.NDArray[np.uint8]) -> Marks:
        """Points in pixels of the crop uint8[height, width, 3], RGB."""
        resized = stretched(rgb, self.SIZE, self.SIZE, exact=self._exact)
        flat, logit = self._network(resized[None].astype(np.float32) / np.float32(255))
        points = flat.reshape(468, 3)
        scale = np.array([rgb.shape[1], rgb.shape[0]], np.float32) / self.SIZE
        return Marks(
            (points[:, :2] * scale).astype(np.float32),
            points[:, 2] * scale[0],
            np.ones(468, np.float32),
            sigmoid(logit.item()),
        )


class BodyMarks:
    """33 joints of a picture that is letterboxed in black."""

    SIZE = 256

    def __init__(self, path: Path, *, exact: bool = False) -> None:
        self._exact = exact
        self._network = LiteRt(path)

    def __call__(self, rgb: npt.NDArray[np.uint8]) -> Marks:
        """Points in pixels of the picture uint8[height, width, 3], RGB."""
        height, width = rgb.shape[:2]
        longer = max(width, height)
        wide, high = round(width * self.SIZE / longer), round(height * self.SIZE / longer)
        left, top = (self.SIZE - wide) // 2, (self.SIZE - high) // 2
        square = np.zeros((self.SIZE, self.SIZE, 3), np.uint8)
        square[top : top + high, left : left + wide] = stretched(rgb, wide, high, exact=self._exact)
        flat, there, *_ = self._network(square[None].astype(np.float32) / np.float32(255))
        rows = flat.reshape(39, 5)[:33]
        scale = np.array([width / wide, height / high], np.float32)
        points = (rows[:, :2] - np.array([left, top], np.float32)) * scale
        visible = np.array([sigmoid(each) for each in rows[:, 3]], np.float32)
        return Marks(points, rows[:, 2] * scale[0], visible, float(there.item()))


def sigmoid(logit: float) -> float:
    """1 / (1 + exp(-logit))."""
    return float(1 / (1 + np.exp(-np.float64(logit))))
