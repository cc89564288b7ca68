"""Constants that hold the same: a weight that a network uses several times often comes as several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

BEGINNING = 64
"""Numbers that are looked at before two constants are compared as a whole."""


def equal_constants(values: Iterable[ir.Value]) -> dict[str, ir.Value]:
    """Name of each constant -> the first of those that have its type, shape and content, bit for bit.

    Values that are no constants, or hold texts, are left out.
    """
    found: dict[str, ir.Value] = {}
    alike: dict[tuple[Any, ...], list[tuple[ir.Value, npt.NDArray[Any]]]] = {}
    for value in values:
        if value.const_value is None or str(value.name) in found:
            continue
        array = value.const_value.numpy()
        if array.dtype.kind == "O":
            continue
        key = value.const_value.dtype, array.shape, array.flat[:BEGINNING].tobytes()
        known = alike.setdefault(key, [])
        first = next((one for one, other in known if _same(array, other)), None)
        if first is None:
            known.append((value, array))
        found[str(value.name)] = value if first is None else first
    return found


def _same(array: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    return array is other or bool(np.array_equal(_bytes(array), _bytes(other)))


def _bytes(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
