"""From the four numbers of a box to its sides, key points beside them, and from 0..1 to pixels of the input tensor."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
_HALF = np.float32(0.5)


def sides(box: Floats, order: str) -> Floats:
    """float32[n, 4] in an order of `recipe.Box` -> left, top, right, bottom."""
    if order == "xyxy":
        return box
    if order == "yxyx":
        return box.take([1, 0, 3, 2], axis=1)
    if order == "xywh":
        return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1)
    centre, half = box[:, :2], box[:, 2:] * _HALF
    if order == "cycxhw":
        centre, half = centre[:, ::-1], half[:, ::-1]
    out = np.empty(box.shape, np.float32)
    np.subtract(centre, half, out=out[:, :2])
    np.add(centre, half, out=out[:, 2:])
    return out


def with_points(boxes: Floats, values: Floats, count: int) -> Floats:
    """float32[n, 4] and float32[n, count * k] -> float32[n, 4 + 2 * count]: of each point the first two numbers."""
    if not count:
        return boxes
    rows, each = len(values), values.shape[1] // count
    points = values if each == 2 else values.reshape(rows, count, each)[:, :, :2].reshape(rows, 2 * count)
    return np.concatenate([boxes, points], axis=1)


def in_pixels(rows: Floats, wh: tuple[float, float]) -> Floats:
    """Of 0..1 of the input tensor: float32[n, 4 + 2k] in pixels."""
    return rows * np.array(wh * (rows.shape[1] // 2), np.float32)
