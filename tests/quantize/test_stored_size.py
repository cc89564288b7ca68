from __future__ import annotations

from typing import Any

from edgemm.quantize import calibrate, make_plan
from edgemm.quantize.stored_size import stored_bytes


def test_each_form_of_a_constant_counts_once(build: Any, noise: Any, weights: Any) -> None:
    model = build(
        "net (float[1,4,8,8] x) => (float[1,6,8,8] y) { [one] a = Conv (x, v, c)  [two] y = Conv (a, w, b) }",
        v=weights(4, 4, 1, 1),
        c=weights(4),
        w=weights(6, 4, 1, 1),
        b=weights(6),
    )
    plans = {
        "float": make_plan(model, None, scheme="float"),
        "dynamic": make_plan(model, None, scheme="dynamic"),
        "static": make_plan(model, calibrate(model, noise(model)), scheme="static"),
    }
    numbers, biases, scales = 16 + 24, 4 + 6, 4 * (4 + 6)
    assert {name: stored_bytes(model, plan) for name, plan in plans.items()} == {
        "float": 4 * (numbers + biases),
        "dynamic": numbers + scales + 4 * biases,
        "static": numbers + scales + 4 * biases + scales,
    }


def test_equal_contents_count_once_under_any_name(build: Any, weights: Any) -> None:
    held = weights(8, 8)
    model = build(
        "net (float[1,8] x) => (float[1,8] y) "
        "{ [one] a = Gemm <transB = 1> (x, v, b)  [two] y = Gemm <transB = 1> (a, w, b) }",
        v=held,
        w=held.copy(),
        b=weights(8),
    )
    assert stored_bytes(model, make_plan(model, None, scheme="float")) == 4 * (64 + 8)
    assert stored_bytes(model, make_plan(model, None, scheme="dynamic")) == 64 + 4 * 8 + 4 * 8
