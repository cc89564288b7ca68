"""What is divided by, and what roots and logarithms are taken of, is computed in float."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgemm.quantize import Precision, calibrate, make_plan
from edgemm.quantize.divisors import divisor_values

Make = Callable[..., Any]
CONV = "kernel_shape = [3, 3], strides = [1, 1], dilations = [1, 1], pads = [1, 1, 1, 1], group = 1"
NORM = f"""graph (float[1, 3, 8, 8] x) => (float[1, 4, 8, 8] y) {{
    [conv] a = Conv <{CONV}> (x, w, b)
    [relu] r = Relu (a)
    [centred] c = Sub (r, middle)
    [square] q = Mul (c, c)
    [mean] m = ReduceMean <axes = [1]> (q)
    [raised] p = Add (m, small)
    [root] d = Sqrt (p)
    [unit] u = Div (r, d)
    [scaled] y = Mul (u, factor)
}}"""


def test_a_variance_is_computed_in_float_and_its_layer_is_not(
    build: Make, noise: Make, weights: Make
) -> None:
    model = build(
        NORM, w=weights(4, 3, 3, 3), b=weights(4), middle=np.float32(0.1), small=np.float32(1e-5),
        factor=weights(4, 1, 1),
    )  # fmt: skip
    assert divisor_values(model) == {"q", "m", "p", "d"}
    plan = make_plan(model, calibrate(model, noise(model)))
    integer = {name for name, precision in plan.precision.items() if precision is Precision.INT8}
    assert integer == {"conv", "relu", "scaled"}  # what is centred is read by the square alone
    assert not {"q", "m", "p", "d"} & set(plan.activations)


@pytest.mark.parametrize(
    ("node", "concerned"),
    [
        ("y = Log (h)", True),
        ("y = Sqrt (h)", True),
        ("y = Reciprocal (h)", True),
        ("y = Div (one, h)", True),
        ("y = Pow (h, half)", True),
        ("y = Pow (h, two)", False),
        ("y = Div (h, two)", False),
        ("y = Exp (h)", False),
    ],
)
def test_where_relative_errors_count(build: Make, node: str, concerned: bool) -> None:
    model = build(
        f"graph (float[1, 4] x) => (float[1, 4] y) {{ [sum] h = Add (x, one)  [last] {node} }}",
        one=np.float32(1), half=np.float32(0.5), two=np.float32(2),
    )  # fmt: skip
    assert divisor_values(model) == ({"h"} if concerned else set())
