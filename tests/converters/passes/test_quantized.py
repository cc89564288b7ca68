"""Quantized sources become float graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.quantized import declared_ranges

WEIGHTS = (np.random.default_rng(0).standard_normal((6, 4)) * 40).astype(np.int8)
"""int8[in, out]"""


def test_pairs_between_operators_go_and_their_ranges_stay(build: Any, operators: Any) -> None:
    text = """g (float[2,6] x) => (float[2,4] y) {
        q = QuantizeLinear(x, s, z)  d = DequantizeLinear(q, s, z)
        w = DequantizeLinear(wq, ws, wz)  m = MatMul(d, w)  y = Relu(m) }"""
    zero = np.array(128, np.uint8)
    model = build(text, s=np.float32(0.5), z=zero, wq=WEIGHTS, ws=np.float32(0.1), wz=np.int8(0))
    canonicalize(model)
    assert operators(model) == ["Clip", "Gemm", "Relu"]
    assert declared_ranges(model) == {str(model.graph[0].outputs[0].name): (-64.0, 63.5)}


def test_a_pair_of_unlike_grids_is_arithmetic(build: Any, canonical: Any, operators: Any) -> None:
    text = """g (float[2,6] x) => (float[2,6] y) {
        q = QuantizeLinear(x, s, z)  y = DequantizeLinear(q, t, z) }"""
    model = canonical(build(text, s=np.float32(0.05), t=np.float32(0.1), z=np.uint8(100)))
    assert "Round" in operators(model)


def test_dynamic_layers_become_real_products(build: Any, operators: Any) -> None:
    text = """g (float[2,6] x) => (float[2,4] y) {
        q, s, z = DynamicQuantizeLinear(x)  p = MatMulInteger(q, w, z, wz)
        r = Cast<to=1>(p)  t = Mul(s, ws)  y = Mul(r, t) }"""
    scale = np.float32(0.02)
    model = build(text, w=WEIGHTS, wz=np.int8(3), ws=scale)
    canonicalize(model)
    assert operators(model) == ["Gemm"]
    weights = model.graph[0].inputs[1].const_value.numpy()
    np.testing.assert_allclose(weights, (WEIGHTS.astype(np.float32) - 3).T * scale, rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 1])
def test_integers_that_are_seen_from_outside_are_computed(build: Any, canonical: Any, axis: int) -> None:
    count = (3, 5)[axis]
    text = f"g (float[3,5] x) => (uint8[3,5] y) {{ y = QuantizeLinear<axis={axis}>(x, s, z) }}"
    scale = np.linspace(0.01, 0.05, count, dtype=np.float32)
    canonical(build(text, s=scale, z=np.arange(100, 100 + count, dtype=np.uint8)))


def test_a_quantized_convolution_is_a_convolution_between_its_grids(build: Any, operators: Any) -> None:
    text = """g (uint8[1,3,6,6] x) => (uint8[1,2,4,4] y) {
        y = QLinearConv(x, s, z, w, ws, wz, t, u, b) }"""
    generator = np.random.default_rng(1)
    model = build(
        text,
        s=np.float32(0.1),
        z=np.uint8(120),
        w=generator.integers(-100, 100, (2, 3, 3, 3), np.int8),
        ws=np.array([0.01, 0.02], np.float32),
        wz=np.zeros(2, np.int8),
        t=np.float32(0.3),
        u=np.uint8(110),
        b=generator.integers(-500, 500, 2, np.int32),
    )
    canonicalize(model)
    assert "Conv" in operators(model)
    assert operators(model)[-1] == "Cast"
