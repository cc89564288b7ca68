"""Constant factors and addends behind a layer are in its weights; `canonical` holds the result against the source."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

WEIGHTS = np.linspace(-1, 1, 36, dtype=np.float32).reshape(4, 1, 3, 3)
BIAS = np.arange(4, dtype=np.float32)
CONV = "c = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(x, w, b)"
ROW = np.array([0.5, -2.0, 3.0, 0.25], np.float32)
COLUMN = ROW.reshape(1, 4, 1, 1)


@pytest.mark.parametrize(
    ("behind", "constants", "left"),
    [
        ("y = Mul(c, f)", {"f": COLUMN}, ["Conv"]),
        ("y = Mul(f, c)", {"f": np.float32(3)}, ["Conv"]),
        ("y = Div(c, f)", {"f": COLUMN}, ["Conv"]),
        ("y = Add(c, f)", {"f": COLUMN}, ["Conv"]),
        ("m = Mul(c, f)  y = Add(m, g1)", {"f": COLUMN, "g1": COLUMN[0] + 1}, ["Conv"]),
        ("y = Mul(c, f)", {"f": np.zeros((1, 4, 1, 1), np.float32)}, ["Conv"]),
        ("y = Div(f, c)", {"f": COLUMN}, ["Conv", "Div"]),
        ("y = Div(c, f)", {"f": COLUMN * (COLUMN > 0)}, ["Conv", "Div"]),
        ("y = Mul(c, f)", {"f": np.arange(5, dtype=np.float32)}, ["Conv", "Mul"]),  # along the width
        ("y = Mul(c, f)", {"f": np.float32(1e-33)}, ["Conv", "Mul"]),  # float32 could not hold the weights
        ("y = Mul(c, c)", {}, ["Conv", "Mul"]),
        ("m = Mul(c, f)  y = Add(m, c)", {"f": COLUMN}, ["Conv", "Mul", "Add"]),  # read twice
    ],
)
def test_behind_a_convolution(
    build: Any, canonical: Any, operators: Any, behind: str, constants: Any, left: list[str]
) -> None:
    text = f"g (float[1,1,5,5] x) => (float[1,4,5,5] y) {{ {CONV}  {behind} }}"
    model = canonical(build(text, w=WEIGHTS, b=BIAS, **constants))
    assert operators(model) == left


def test_as_many_columns_as_channels_are_columns(build: Any, canonical: Any, operators: Any) -> None:
    text = f"g (float[1,1,4,4] x) => (float[1,4,4,4] y) {{ {CONV}  y = Mul(c, f) }}"
    assert operators(canonical(build(text, w=WEIGHTS, b=BIAS, f=ROW))) == ["Conv", "Mul"]
    assert operators(canonical(build(text, w=WEIGHTS, b=BIAS, f=ROW.reshape(4, 1, 1)))) == ["Conv"]


def test_a_factor_of_a_wider_result_stays(build: Any, canonical: Any, operators: Any) -> None:
    text = f"g (float[1,1,5,5] x) => (float[2,4,5,5] y) {{ {CONV}  y = Mul(c, f) }}"
    source = build(text, w=WEIGHTS, b=BIAS, f=np.ones((2, 1, 1, 1), np.float32) * 2)
    assert operators(canonical(source)) == ["Conv", "Mul"]


def test_an_output_of_the_graph_keeps_its_numbers(build: Any, canonical: Any, operators: Any) -> None:
    text = f"g (float[1,1,5,5] x) => (float[1,4,5,5] c, float[1,4,5,5] y) {{ {CONV}  y = Mul(c, f) }}"
    assert operators(canonical(build(text, w=WEIGHTS, b=BIAS, f=COLUMN))) == ["Conv", "Mul"]


@pytest.mark.parametrize(
    ("behind", "left"),
    [
        ("y = Mul(m, f)", ["MatMul"]),
        ("a = Add(m, g1)  y = Mul(a, f)", ["MatMul", "Add"]),
        ("a = Add(g1, m)  y = Div(a, f)", ["MatMul", "Add"]),
        ("a = Add(m, m)  y = Mul(a, f)", ["MatMul", "Add", "Mul"]),
    ],
)
def test_behind_a_product(build: Any, canonical: Any, operators: Any, behind: str, left: list[str]) -> None:
    text = f"g (float[2,3,5] x) => (float[2,3,4] y) {{ m = MatMul(x, w)  {behind} }}"
    constants = {"g1": ROW + 1} if "g1" in behind else {}
    weights = np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4)
    assert operators(canonical(build(text, w=weights, f=ROW, **constants))) == left


def test_behind_transposed_convolutions_in_groups(build: Any, canonical: Any, operators: Any) -> None:
    text = """g (float[1,4,3,3] x) => (float[1,4,6,6] y) {
        c = ConvTranspose<kernel_shape=[2,2], strides=[2,2], group=2>(x, w, b)  y = Mul(c, f) }"""
    weights = np.linspace(-1, 1, 32, dtype=np.float32).reshape(4, 2, 2, 2)
    assert operators(canonical(build(text, w=weights, b=BIAS, f=COLUMN))) == ["ConvTranspose"]


def test_everything_in_order_is_no_gather(build: Any, canonical: Any, operators: Any) -> None:
    text = "g (float[6] x) => (float[2,3] y) { a = Relu(x)  y = Gather(a, n) }"
    order = np.arange(6).reshape(2, 3)
    assert operators(canonical(build(text, n=order))) == ["Relu", "Reshape"]
    assert operators(canonical(build(text, n=order[::-1].copy()))) == ["Relu", "Gather"]
