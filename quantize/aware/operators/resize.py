"""Resize, as a product with a matrix along each dimension: nearest and linear in ONNX's systems of coordinates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from edgemm.quantize.aware.operators.call import Call

Places = np.ndarray
COORDINATES: dict[str, Callable[[Places, float, int, int], Places]] = {
    "half_pixel": lambda at, scale, size, out: (at + 0.5) / scale - 0.5,
    "pytorch_half_pixel": lambda at, scale, size, out: (at + 0.5) / scale - 0.5 if out > 1 else at * 0.0,
    "asymmetric": lambda at, scale, size, out: at / scale,
    "align_corners": lambda at, scale, size, out: at * (size - 1) / (out - 1) if out > 1 else at * 0.0,
}
"""Mode -> where in the source each place of the output lies."""
NEAREST: dict[str, Callable[[Places], Places]] = {
    "round_prefer_floor": lambda at: np.ceil(at - 0.5),
    "round_prefer_ceil": lambda at: np.floor(at + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def can_resize(call: Call) -> bool:
    """True for what is written here."""
    known = call.text("coordinate_transformation_mode", "half_pixel") in COORDINATES
    plain = not call.integer("antialias", 0) and call.text("keep_aspect_ratio_policy", "stretch") == "stretch"
    return known and plain and call.text("mode", "nearest") in ("nearest", "linear")


def resize(call: Call) -> Tensor:
    """Every dimension whose size changes, one after the other."""
    return resized(call, call[0])


def resized(call: Call, found: Tensor) -> Tensor:
    """The same of another tensor than the operand: of its integers."""
    scales = call.known(2)
    for axis, (size, out) in enumerate(zip(call[0].shape, call.shape, strict=True)):
        given = (
            None if scales is None or not scales.size or call.integers("axes", ()) else float(scales[axis])
        )
        if size != out:
            matrix = torch.from_numpy(_matrix(call, size, out, given or out / size)).to(found)
            found = torch.matmul(found.movedim(axis, -1), matrix.T).movedim(-1, axis)
    return found


def _matrix(call: Call, size: int, out: int, scale: float) -> np.ndarray:
    """float32[out, size]"""
    mode = call.text("coordinate_transformation_mode", "half_pixel")
    at = COORDINATES[mode](np.arange(out, dtype=np.float64), scale, size, out)
    rows, matrix = np.arange(out), np.zeros((out, size))
    if call.text("mode", "nearest") == "nearest":
        places = NEAREST[call.text("nearest_mode", "round_prefer_floor")](at)
        matrix[rows, np.clip(places, 0, size - 1).astype(int)] = 1.0
    else:
        at = np.clip(at, 0, size - 1)
        low = np.floor(at).astype(int)
        np.add.at(matrix, (rows, low), 1.0 - (at - low))
        np.add.at(matrix, (rows, np.minimum(low + 1, size - 1)), at - low)
    return matrix.astype(np.float32)


RESIZE: dict[str, Callable[[Call], Tensor]] = {"Resize": resize}
