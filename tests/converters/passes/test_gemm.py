from __future__ import annotations

from typing import Any

import numpy as np
import pytest

ROW = np.arange(3, dtype=np.float32)


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize(
    "bias", [None, ROW, ROW[None], np.float32(2), ROW[:2, None], np.ones((2, 3), np.float32)]
)
def test_every_form_becomes_the_normal_one(
    build: Any, canonical: Any, rng: np.random.Generator, trans_a: int, trans_b: int, bias: Any
) -> None:
    shape = "4,2" if trans_a else "2,4"
    weights = rng.standard_normal((3, 4) if trans_b else (4, 3)).astype(np.float32)
    constants = {"weights": weights} if bias is None else {"weights": weights, "bias": np.asarray(bias)}
    text = f"""g (float[{shape}] x) => (float[2,3] y) {{
        y = Gemm<transA={trans_a}, transB={trans_b}, alpha=0.5, beta=2.0>({", ".join(["x", *constants])})
    }}"""
    model = canonical(build(text, **constants))
    assert sum(node.op_type == "Gemm" for node in model.graph) == 1


@pytest.mark.parametrize("trans_b", [0, 1])
def test_a_computed_right_side_becomes_a_matmul(
    build: Any, canonical: Any, operators: Any, trans_b: int
) -> None:
    text = f"""g (float[2,3] a, float[3,3] b) => (float[2,3] y) {{
        y = Gemm<transB={trans_b}, alpha=0.5>(a, b)
    }}"""
    assert "Gemm" not in operators(canonical(build(text)))


def test_a_computed_addend_becomes_an_add(build: Any, canonical: Any, operators: Any) -> None:
    source = build(
        "g (float[2,4] x, float[3] c) => (float[2,3] y) { y = Gemm<beta=3.0>(x, weights, c) }",
        weights=np.ones((4, 3), np.float32),
    )
    assert operators(canonical(source)) == ["Gemm", "Mul", "Add"]
