from __future__ import annotations

from typing import Any

import numpy as np
import pytest

WEIGHTS = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.mark.parametrize("addend", [np.float32(1), np.ones(3, np.float32), np.ones((1, 3), np.float32)])
def test_a_layer_with_its_addition_becomes_one_gemm(
    build: Any, canonical: Any, operators: Any, addend: Any
) -> None:
    text = "g (float[2,4] x) => (float[2,3] y) { p = MatMul(x, weights) y = Add(addend, p) }"
    assert operators(canonical(build(text, weights=WEIGHTS, addend=addend))) == ["Gemm"]


def test_an_addend_that_differs_between_rows_stays_an_add(build: Any, canonical: Any, operators: Any) -> None:
    text = "g (float[2,4] x) => (float[2,3] y) { p = MatMul(x, weights) y = Add(p, addend) }"
    source = build(text, weights=WEIGHTS, addend=np.arange(6, dtype=np.float32).reshape(2, 3))
    assert operators(canonical(source)) == ["Gemm", "Add"]


def test_an_addend_that_widens_the_product_stays_an_add(build: Any, canonical: Any, operators: Any) -> None:
    text = "g (float[2,4] x) => (float[2,3] y) { p = MatMul(x, weights) y = Add(p, addend) }"
    source = build(text, weights=WEIGHTS[:, :1], addend=np.arange(3, dtype=np.float32))
    assert operators(canonical(source)) == ["Gemm", "Add"]


def test_a_product_that_is_read_twice_keeps_its_addition(build: Any, canonical: Any, operators: Any) -> None:
    text = """g (float[2,4] x) => (float[2,3] y, float[2,3] z) {
        p = MatMul(x, weights) y = Add(p, addend) z = Relu(p)
    }"""
    source = build(text, weights=WEIGHTS, addend=np.ones(3, np.float32))
    assert sorted(operators(canonical(source))) == ["Add", "Gemm", "Relu"]


def test_products_of_other_ranks_stay(build: Any, canonical: Any, operators: Any) -> None:
    text = "g (float[1,2,4] x) => (float[1,2,3] y) { y = MatMul(x, weights) }"
    assert operators(canonical(build(text, weights=WEIGHTS))) == ["MatMul"]
