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


TRANSPOSED: dict[str, tuple[str, tuple[int, ...], str]] = {
    "plain": ("strides=[2,2]", (4, 3, 3, 3), "1,3,9,9"),
    "grouped": ("strides=[2,2], group=2", (4, 3, 2, 2), "1,6,8,8"),
    "dilated": ("dilations=[2,2], pads=[1,1,1,1]", (4, 3, 3, 3), "1,3,6,6"),
    "depthwise": ("group=4, dilations=[2,1]", (4, 1, 3, 3), "1,4,8,6"),
    "of a given shape": ("strides=[2,2], output_shape=[8,8], group=2", (4, 3, 3, 3), "1,6,8,8"),
}


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("form", TRANSPOSED)
def test_after_a_transposed_convolution_it_becomes_part_of_it(
    build: Any, canonical: Any, operators: Any, rng: np.random.Generator, form: str, biased: bool
) -> None:
    attributes, kernel, shape = TRANSPOSED[form]
    channels = int(shape.split(",")[1])
    text = f"""g (float[1,4,4,4] x) => (float[{shape}] y) {{
        c = ConvTranspose<{attributes}>(x, weights{", added" if biased else ""}) y = {NORM} }}"""
    arrays = rng.uniform(0.5, 2.0, (4, channels)).astype(np.float32)
    constants = dict(zip(("scale", "bias", "mean", "variance"), arrays, strict=True))
    constants["weights"] = rng.standard_normal(kernel).astype(np.float32)
    if biased:
        constants["added"] = rng.standard_normal(channels).astype(np.float32)
    assert operators(canonical(build(text, **constants))) == ["ConvTranspose"]


def test_after_a_transposed_convolution_over_time(
    build: Any, canonical: Any, operators: Any, statistics: Any, rng: np.random.Generator
) -> None:
    text = f"""g (float[1,4,7] x) => (float[1,3,15] y) {{
        c = ConvTranspose<strides=[2]>(x, weights) y = {NORM} }}"""
    weights = rng.standard_normal((4, 3, 3)).astype(np.float32)
    assert operators(canonical(build(text, weights=weights, **statistics))) == ["ConvTranspose"]


def test_a_transposed_convolution_that_something_else_reads_stays(
    build: Any, canonical: Any, operators: Any, statistics: Any, rng: np.random.Generator
) -> None:
    text = f"""g (float[1,2,5,5] x) => (float[1,3,7,7] y, float[1,3,7,7] z) {{
        c = ConvTranspose(x, weights) y = {NORM} z = Relu(c)
    }}"""
    weights = rng.standard_normal((2, 3, 3, 3)).astype(np.float32)
    assert "Mul" in operators(canonical(build(text, weights=weights, **statistics)))
