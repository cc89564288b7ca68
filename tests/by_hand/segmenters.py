"""Two segmenters as one drives them today: OpenCV, NumPy and a runtime, nothing of edgemm.

SINet: BGR, stretched to 320x320, ((pixel - mean) / std) / 255 for each channel; softmax of background and person.
DeepLab: RGB, stretched to 513x513, stored pixels as they are; the class of each pixel, argmax done in the file.
Both answer for a picture of the tensor's size: here the classes go back to the source with nearest
sampling, INTER_NEAREST_EXACT: plain INTER_NEAREST is off by up to half a pixel of the map.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.by_hand.runtimes import LiteRt, onnx_session
from tests.by_hand.sampling import stretched

Mask = npt.NDArray[np.uint8]


class SiNet:
    """Person or not, one thread."""

    SIZE = 320
    MEAN = np.array([102.890434, 111.25247, 126.91212], np.float32)
    STD = np.array([62.93292, 62.82138, 66.355705], np.float32)

    def __init__(self, path: Path, *, exact: bool = False) -> None:
        self._exact = exact
        self._session = onnx_session(path)

    def __call__(self, rgb: npt.NDArray[np.uint8]) -> Mask:
        """uint8[height, width] of the picture: 1 where a person is."""
        scores = self.outputs(rgb)
        return back((scores[0, 1] > scores[0, 0]).astype(np.uint8), rgb)

    def outputs(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """float32[1, 2, 320, 320]."""
        bgr = stretched(rgb, self.SIZE, self.SIZE, exact=self._exact)[:, :, ::-1]
        tensor = ((bgr.astype(np.float32) - self.MEAN) / self.STD / 255).transpose(2, 0, 1)[None]
        scores: npt.NDArray[np.float32] = self._session.run(None, {"data": np.ascontiguousarray(tensor)})[0]
        return scores


class DeepLab:
    """The 21 classes of Pascal VOC, one thread."""

    SIZE = 513

    def __init__(self, path: Path, *, exact: bool = False) -> None:
        self._exact = exact
        self._network = LiteRt(path)

    def __call__(self, rgb: npt.NDArray[np.uint8]) -> Mask:
        """uint8[height, width] of the picture."""
        resized = stretched(rgb, self.SIZE, self.SIZE, exact=self._exact)
        (classes,) = self._network(resized[None])
        return back(classes[0].astype(np.uint8), rgb)


def back(classes: Mask, rgb: npt.NDArray[np.uint8]) -> Mask:
    """A map of classes in the size of the picture."""
    import cv2

    resized: Any = cv2.resize(classes, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, np.uint8)


def mask_iou(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Intersection over union of two masks; 1 where both are empty."""
    either = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / either if either else 1.0


def polygons(path: Path, width: int, height: int, class_id: int) -> npt.NDArray[np.bool_]:
    """bool[height, width]: inside of the polygons of one class, from lines of class, x, y, x, y ... from 0 to 1."""
    import cv2

    mask = np.zeros((height, width), np.uint8)
    for line in path.read_text().splitlines():
        number, *rest = line.split()
        if int(number) == class_id:
            corners = np.array(rest, np.float64).reshape(-1, 2) * [width, height]
            cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 1)
    return mask.astype(bool)
