"""Operators by their definitions: attention that leaves inputs out, half scales, the largest sample of a region."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator


@pytest.mark.skipif(onnx.defs.onnx_opset_version() < 24, reason="this onnx has no attention over padded keys")
def test_attention_may_leave_inputs_out(agree: Any, graph: Any, rng: Any) -> None:
    proto = graph(
        """g (float[2,3,4,8] q, float[2,3,6,8] k, float[2,3,6,10] v, float[4,4] m, int64[2] n)
            => (float[2,3,4,10] y) { y = Attention(q, k, v, m, , , n) }""",
        24,
    )
    shapes = {"q": (2, 3, 4, 8), "k": (2, 3, 6, 8), "v": (2, 3, 6, 10), "m": (4, 4)}
    feeds = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    feeds["n"] = np.array([3, 4])
    agree(proto, feeds, ReferenceEvaluator(proto).run(None, feeds))


@pytest.mark.parametrize("computed", [True, False])
def test_scales_may_have_half_precision(operators: Any, graph: Any, computed: bool) -> None:
    constants = {"b": np.arange(12, dtype=np.uint8).reshape(4, 3), "s": np.float16(0.5)}
    proto = graph(
        f"""g (uint8[2,4] a{", uint8[4,3] b, float16 s" if computed else ""}) => (uint8[2,3] y) {{
            y = QLinearMatMul(a, s, z, b, s, z, s, z) }}""",
        21,
        z=np.uint8(7),
        **({} if computed else constants),
    )
    assert {"MatMul", "Gemm"} & set(operators(proto))


def test_the_largest_sample_of_a_region(agree: Any, graph: Any, rng: Any) -> None:
    proto = graph(
        """g (float[1,2,8,8] x, float[2,4] r, int64[2] b) => (float[2,2,3,3] y) {
            y = RoiAlign<mode="max", output_height=3, output_width=3, sampling_ratio=2>(x, r, b) }"""
    )
    regions = np.array([[0, 0, 6, 5], [2.2, 1.1, 7, 7]], np.float32)
    agree(proto, {"x": rng.random((1, 2, 8, 8)).astype(np.float32), "r": regions, "b": np.zeros(2, np.int64)})


def test_truth_values_without_elements(agree: Any, graph: Any) -> None:
    proto = graph(
        "g (bool[2,3] x) => (bool[2,1] y) { y = ReduceMax<keepdims=1>(x, axes) }", 20, axes=np.array([1])
    )
    agree(proto, {"x": np.array([[True, False, False], [False] * 3])}, [np.array([[True], [False]])])


def test_a_constant_of_the_type_of_another_is_a_constant(operators: Any, graph: Any) -> None:
    proto = graph(
        "g (float[1,4] x) => (float[1,6] y) { v = CastLike(k, x) y = Pad(x, p, v) }",
        k=np.int64(3),
        p=np.array([0, 1, 0, 1]),
    )
    assert operators(proto) == ["Pad"]
