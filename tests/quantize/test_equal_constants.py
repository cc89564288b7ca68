from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.quantize.equal_constants import BEGINNING, equal_constants


def value(name: str, array: Any) -> ir.Value:
    return ir.Value(name=name, const_value=ir.tensor(np.asarray(array)))


def array(number: float, dtype: Any = np.float32) -> Any:
    return np.array([number], dtype)


LONG = np.arange(2 * BEGINNING, dtype=np.float32)
OTHER_END = LONG.copy()
OTHER_END[-1] = 0.0


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (LONG, LONG.copy(), True),
        (LONG, OTHER_END, False),
        (LONG, LONG.reshape(2, -1), False),
        (LONG, LONG.astype(np.float64), False),
        (array(0.0), array(-0.0), False),
        (array(np.nan), array(np.nan), True),
        (np.float32(3.0), np.float32(3.0), True),
        (np.ones((3, 4), np.float32).T, np.ones((4, 3), np.float32), True),
        (array(1, np.int32), array(1e-45), False),
    ],
    ids=[
        "equal",
        "end",
        "shape",
        "type",
        "sign of zero",
        "not a number",
        "scalar",
        "transposed",
        "same bits",
    ],
)
def test_constants_are_equal_bit_for_bit(one: Any, other: Any, equal: bool) -> None:
    first, second = value("a", one), value("b", other)
    found = equal_constants([first, second, first])
    assert found["a"] is first
    assert found["b"] is (first if equal else second)


def test_what_is_no_constant_is_left_out() -> None:
    assert equal_constants([ir.Value(name="x"), value("t", np.array(["a"], object))]) == {}
