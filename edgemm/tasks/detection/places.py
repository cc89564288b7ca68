"""From the four numbers of a box to its sides, and from 0..1 to pixels of the input tensor."""

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
        return box[:, [1, 0, 3, 2]]
    if order == "xywh":
        return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1)
    centre, half = box[:, :2], box[:, 2:] * _HALF
    if order == "cycxhw":
        centre, half = centre[:, ::-1], half[:, ::-1]
    out = np.empty(box.shape, np.float32)
    np.subtract(centre, half, out=out[:, :2])
    np.add(centre, half, out=out[:, 2:])
    return out


def key_points(values: Floats, count: int) -> Floats:
    """float32[n, count * k] -> float32[n, count, 2]: the first two numbers of each point."""
    if not count:
        return no_points(len(values))
    return values.reshape(len(values), count, values.shape[1] // count)[:, :, :2]


def no_points(count: int) -> Floats:
    """float32[count, 0, 2]."""
    return np.zeros((count, 0, 2), np.float32)


def in_pixels(boxes: Floats, points: Floats, wh: tuple[float, float]) -> tuple[Floats, Floats]:
    """Of 0..1 of the input tensor."""
    wide, high = wh
    scaled = boxes * np.array([wide, high, wide, high], np.float32)
    return scaled, points * np.array([wide, high], np.float32) if points.shape[1] else points
