from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.errors import UnsupportedOperator


@pytest.fixture
def statistics(rng: np.random.Generator) -> dict[str, Any]:
    arrays = rng.uniform(0.5, 2.0, (4, 3)).astype(np.float32)
    return dict(zip(("scale", "bias", "mean", "variance"), arrays, strict=True))


NORM = "BatchNormalization<epsilon=0.01>(c, scale, bias, mean, variance)"


def test_after_a_convolution_it_becomes_part_of_it(
    build: Any, canonical: Any, operators: Any, statistics: Any, rng: np.random.Generator
) -> None:
    text = f"g (float[1,2,5,5] x) => (float[1,3,3,3] y) {{ c = Conv(x, weights) y = {NORM} }}"
    weights = rng.standard_normal((3, 2, 3, 3)).astype(np.float32)
    assert operators(canonical(build(text, weights=weights, **statistics))) == ["Conv"]


def test_after_a_gemm_it_becomes_part_of_it(
    build: Any, canonical: Any, operators: Any, statistics: Any, rng: np.random.Generator
) -> None:
    text = f"g (float[1,4] x) => (float[1,3] y) {{ c = MatMul(x, weights) y = {NORM} }}"
    weights = rng.standard_normal((4, 3)).astype(np.float32)
    assert operators(canonical(build(text, weights=weights, **statistics))) == ["Gemm"]


def test_where_something_else_reads_the_convolution_it_becomes_mul_and_add(
    build: Any, canonical: Any, operators: Any, statistics: Any, rng: np.random.Generator
) -> None:
    text = f"""g (float[1,2,5,5] x) => (float[1,3,3,3] y, float[1,3,3,3] z) {{
        c = Conv(x, weights) y = {NORM} z = Relu(c)
    }}"""
    weights = rng.standard_normal((3, 2, 3, 3)).astype(np.float32)
    assert sorted(operators(canonical(build(text, weights=weights, **statistics)))) == [
        "Add",
        "Conv",
        "Mul",
        "Relu",
    ]


def test_alone_it_becomes_mul_and_add(build: Any, canonical: Any, operators: Any, statistics: Any) -> None:
    text = f"g (float[1,3,4,4] c) => (float[1,3,4,4] y) {{ y = {NORM} }}"
    assert operators(canonical(build(text, **statistics))) == ["Mul", "Add"]


def test_training_mode_is_refused(build: Any, canonical: Any, statistics: Any) -> None:
    text = f"""g (float[1,3,4,4] c) => (float[1,3,4,4] y) {{
        y, m, v = {NORM.replace("<", "<training_mode=1, ")}
    }}"""
    with pytest.raises(UnsupportedOperator, match="training mode"):
        canonical(build(text, **statistics))
