"""SSD-MobileNet as one drives it today: LiteRT, OpenCV and NumPy, nothing of edgemm.

The file ends in TFLite_Detection_PostProcess, so boxes come decoded: ymin, xmin, ymax, xmax from 0 to 1, class numbers
that are rows of the file's own labelmap.txt (90 rows, ten of them "???"), scores, and how many there are.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tests.by_hand.sampling import stretched

SIZE = 300


class Found(NamedTuple):
    """What is in one picture, best first."""

    boxes_xyxy: npt.NDArray[np.float32]
    """float32[n, 4], pixels of the picture."""
    scores: npt.NDArray[np.float32]
    rows: npt.NDArray[np.int64]
    """int64[n], row of the label file."""


def labels(path: Path) -> list[str]:
    """The 90 rows of the label file in the model's ZIP."""
    with zipfile.ZipFile(path) as packed:
        return packed.read("labelmap.txt").decode().split("\n")[:90]


class SsdMobileNet:
    """The network in one interpreter, one thread."""

    def __init__(self, path: Path, *, exact: bool = False) -> None:
        self._exact = exact
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [each["index"] for each in self._interpreter.get_output_details()]

    def __call__(self, rgb: npt.NDArray[np.uint8], threshold: float) -> Found:
        """Objects of a picture uint8[height, width, 3], RGB."""
        resized = stretched(rgb, SIZE, SIZE, exact=self._exact)
        self._interpreter.set_tensor(self._input, resized[None])
        self._interpreter.invoke()
        boxes, rows, scores, count = (self._interpreter.get_tensor(each) for each in self._outputs)
        many = int(count[0])
        kept = np.flatnonzero(scores[0, :many] > threshold)
        height, width = rgb.shape[:2]
        in_pixels = boxes[0, kept][:, [1, 0, 3, 2]] * np.array([width, height, width, height], np.float32)
        return Found(in_pixels, scores[0, kept], rows[0, kept].astype(np.int64))
