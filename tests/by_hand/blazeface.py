"""BlazeFace (short range) and BlazePose's detector by hand: LiteRT, OpenCV and NumPy, nothing of edgemm.

The picture is letterboxed in black to the tensor, sampled without smoothing, and scaled to -1..1. Each anchor gives a
box and points in pixels of the tensor, relative to the anchor's centre, and a logit that is cut at +-100 (here at +-80:
beyond it exp overflows float32). Boxes that overlap more than 0.3 are averaged, weighted by score.

Three ways of sampling. "nearest" and "linear" are `cv2.resize` between borders of whole pixels. "mediapipe" is what
MediaPipe's own graph does: bilinear between the four nearest pixels, places in 1/32 of a pixel; pixel (x, y) of the
tensor is taken from (x, y) * step - border, without the half pixel of `cv2.resize`; borders are not rounded. Where a
step is a whole number of pixels, as from 1280 to 128, "nearest" gives the same tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tests.by_hand.boxes import weighted_nms
from tests.by_hand.runtimes import LiteRt

Sampling = Literal["nearest", "linear", "mediapipe"]


class Boxes(NamedTuple):
    """What was found in one picture, best first."""

    boxes_xyxy: npt.NDArray[np.float32]
    """float32[n, 4], pixels of the picture."""
    points_xy: npt.NDArray[np.float32]
    """float32[n, k, 2]: of a face right eye, left eye, nose, mouth, right ear, left ear."""
    scores: npt.NDArray[np.float32]


def anchors(grids: Sequence[tuple[int, int]], size: int) -> npt.NDArray[np.float32]:
    """float32[n, 2]: centres in pixels of the tensor, row by row; a grid is cells a side, anchors per cell."""
    parts = []
    for cells, per_cell in grids:
        middle = (np.arange(cells, dtype=np.float32) + 0.5) * (size / cells)
        y, x = np.meshgrid(middle, middle, indexing="ij")
        parts.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), per_cell, axis=0))
    return np.concatenate(parts)


def letterbox(
    rgb: npt.NDArray[np.uint8], sampling: Sampling, size: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The tensor, pixels of the picture per pixel of the tensor (x, y), and the border's width (x, y)."""
    import cv2

    height, width = rgb.shape[:2]
    side = max(width, height)
    if sampling == "mediapipe":
        step = side / size
        left, top = (side - width) / 2, (side - height) / 2
        places = np.arange(size) * step
        x, y = np.meshgrid((places - left).astype(np.float32), (places - top).astype(np.float32))
        square: Any = cv2.remap(rgb, *cv2.convertMaps(x, y, cv2.CV_16SC2), cv2.INTER_LINEAR)
        scale, border = np.array([step, step], np.float32), np.array([left / step, top / step], np.float32)
    else:
        wide, high = round(width * size / side), round(height * size / side)
        how = cv2.INTER_NEAREST if sampling == "nearest" else cv2.INTER_LINEAR
        square = np.zeros((size, size, 3), np.uint8)
        column, row = (size - wide) // 2, (size - high) // 2
        square[row : row + high, column : column + wide] = cv2.resize(rgb, (wide, high), interpolation=how)
        scale = np.array([width / wide, height / high], np.float32)
        border = np.array([column, row], np.float32)
    return square[None].astype(np.float32) / np.float32(127.5) - np.float32(1), scale, border


class AnchorDetector:
    """A network of this kind in one interpreter, one thread."""

    def __init__(
        self, path: Path, size: int, grids: Sequence[tuple[int, int]], *, from_zero: bool = False
    ) -> None:
        self._network, self._size, self._from_zero = LiteRt(path), size, from_zero
        self._anchors = anchors(grids, size)

    def __call__(self, rgb: npt.NDArray[np.uint8], threshold: float, sampling: Sampling = "nearest") -> Boxes:
        """What a picture uint8[height, width, 3], RGB, shows."""
        tensor, scale, border = letterbox(rgb, sampling, self._size)
        if self._from_zero:
            tensor = (tensor + np.float32(1)) / np.float32(2)
        raw, logits = self._network(tensor)
        scores = 1 / (1 + np.exp(-logits[0, :, 0].clip(-80, 80)))
        kept = scores >= threshold
        rows, best = weighted_nms(self._decoded(raw[0, kept], kept), scores[kept], 0.3)
        points = (rows.reshape(len(rows), raw.shape[2] // 2, 2) - border) * scale
        return Boxes(points[:, :2].reshape(-1, 4), points[:, 2:], best)

    def _decoded(self, raw: npt.NDArray[np.float32], kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        """float32[n, 4 + 2k]: corners of the boxes, then points, in pixels of the tensor."""
        centres = self._anchors[kept]
        middle, half = raw[:, :2] + centres, raw[:, 2:4] / 2
        points = raw[:, 4:].reshape(len(raw), (raw.shape[1] - 4) // 2, 2) + centres[:, None]
        return np.concatenate(
            [middle - half, middle + half, points.reshape(len(raw), raw.shape[1] - 4)], axis=1
        )


def blazeface(path: Path) -> AnchorDetector:
    """896 anchors: two in each cell of 16x16, six in each of 8x8."""
    return AnchorDetector(path, 128, ((16, 2), (8, 6)))


def pose_detector(path: Path) -> AnchorDetector:
    """BlazePose's detector of persons, 2,254 anchors, four points: middle of the hips, a point on the circle around the
    whole body, middle of the shoulders, a point on the circle around the upper body."""
    return AnchorDetector(path, 224, ((28, 2), (14, 2), (7, 6)))


def palm_detector(path: Path) -> AnchorDetector:
    """BlazePalm, 2,016 anchors, pictures of 0..1, seven points: wrist, first joints of index, middle, ring and little
    finger, first two of the thumb."""
    return AnchorDetector(path, 192, ((24, 2), (12, 6)), from_zero=True)
