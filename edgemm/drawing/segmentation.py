"""A segmentation: each class in its colour over the picture, and a legend of the classes that are in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.drawing.canvas import Canvas
from edgemm.drawing.palette import color_of, table
from edgemm.errors import InputError
from edgemm.opencv import opencv
from edgemm.results import Segmentation

OPACITY = 0.5
"""Of the colours: the picture is seen through them."""
CLEAR = ("background", "__background__", "")
"""Labels of what is no thing, in lower case: it is not coloured."""
MOST_ROWS = 12
_FEW = 256
"""Classes that a uint8 has."""


def paint(canvas: Canvas, result: Segmentation) -> None:
    """Where nothing but background was found the picture stays as it is.

    Raises:
        InputError: the map is of another picture: its sides have another ratio.
    """
    classes = _in_size(result.classes, canvas)
    if classes is None:
        return
    sizes = _sizes(classes)
    clear = [at for at in np.flatnonzero(sizes).tolist() if is_clear(at, result.labels)]
    shown = [at for at in np.argsort(-sizes, kind="stable").tolist() if sizes[at] and at not in clear]
    if not shown:
        return
    _overlay(canvas, classes, clear, len(sizes))
    _legend(canvas, shown, result.labels)


def is_clear(class_id: int, labels: Sequence[str]) -> bool:
    """True for what is not coloured: by its label; without labels it is class 0."""
    if not labels:
        return class_id == 0
    return class_id < len(labels) and labels[class_id].strip().lower() in CLEAR


def _in_size(classes: npt.NDArray[Any], canvas: Canvas) -> npt.NDArray[Any] | None:
    """The class map in the canvas's size, as for a thumbnail; None where it is empty."""
    if classes.ndim != 2 or not classes.size:
        return None
    classes = np.ascontiguousarray(classes)
    if classes.shape == canvas.pixels.shape[:2]:
        return classes
    if not _is_scaled(classes.shape, canvas.pixels.shape):
        (height, width), (wide, high) = classes.shape, canvas.size_wh
        raise InputError(
            f"expected a class map of a picture of {wide}x{high} pixels, or of one with the same ratio of its sides; "
            f"found one of {width}x{height}. Draw it on the picture that the model was given"
        )
    cv2 = opencv()
    return cv2.resize(classes, canvas.size_wh, interpolation=cv2.INTER_NEAREST)  # type: ignore[no-any-return]


def _is_scaled(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether both have the same ratio of height to width, but for the rounding of either to whole pixels."""
    return abs(one[0] * other[1] - one[1] * other[0]) <= max(sum(one[:2]), sum(other[:2]))


def _sizes(classes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Class -> pixels of it. OpenCV counts without a copy of the map."""
    number = _FEW if classes.dtype == np.uint8 else int(classes.max()) + 1
    counted = opencv().calcHist([classes], [0], None, [number], [0, number])
    return counted.reshape(-1).astype(np.int64)  # type: ignore[no-any-return]


def _overlay(canvas: Canvas, classes: npt.NDArray[Any], clear: Sequence[int], number: int) -> None:
    cv2, pixels = opencv(), canvas.pixels
    colors = canvas.room("colors", pixels.shape)
    rows = table(number, canvas.color == "bgr")
    if classes.dtype == np.uint8:
        cv2.applyColorMap(classes, rows, dst=colors)
    else:
        np.take(rows.reshape(-1, 3), classes, axis=0, out=colors, mode="clip")
    mask = canvas.room("mask", classes.shape)
    for each in clear:
        cv2.inRange(classes, each, each, dst=mask)
        cv2.copyTo(pixels, mask, dst=colors)
    cv2.addWeighted(pixels, 1 - OPACITY, colors, OPACITY, 0, dst=pixels)


def _legend(canvas: Canvas, shown: Sequence[int], labels: Sequence[str]) -> None:
    """In the upper left corner, the largest first, as many as fit."""
    high = canvas.lettering.height
    rows = min(len(shown), MOST_ROWS, canvas.size_wh[1] // high)
    for row, each in enumerate(shown[:rows]):
        canvas.label(labels[each] if each < len(labels) else str(each), 0, (row + 1) * high, color_of(each))
