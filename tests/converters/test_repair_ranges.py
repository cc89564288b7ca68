"""Tighter ranges of tensors that are no ordinary data."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.collapse import normal, parsed
from edgemm.converters.passes import canonicalize
from edgemm.converters.repair.ranges import METHODS, tightened
from edgemm.converters.samples import Samples
from edgemm.quantize import calibrate


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize(("number", "spread"), [(5.0, 1e-7), (-3.0, 0.0), (0.0, 1e-38), (0.0, 0.0)])
def test_a_tensor_that_is_nearly_one_number_keeps_its_range(
    method: str, number: float, spread: float
) -> None:
    model = parsed("network (float[1,64] x) => (float[1,64] y) { a = Mul(x, s) b = Add(a, n) y = Neg(b) }",
        s=np.array(spread, np.float32), n=np.array(number, np.float32))  # fmt: skip
    canonicalize(model)
    samples = Samples(tuple({"x": np.abs(normal(1, 64, seed=seed))} for seed in range(4)))
    before = calibrate(model, samples.inputs)
    found = tightened(model, before, samples, method).ranges["b"]
    assert found.width == pytest.approx(before.ranges["b"].with_zero().width, rel=1e-6)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_what_is_not_seen_has_no_say_in_a_range(method: str) -> None:
    model = parsed("network (float[1,64] x) => (float[1,64] y) { a = Where(t, low, x) b = Softmax(a) y = Neg(b) }",
        t=np.arange(64) % 2 == 0, low=np.array(-np.inf, np.float32))  # fmt: skip
    canonicalize(model)
    samples = Samples(tuple({"x": normal(1, 64, seed=seed, scale=1.0)} for seed in range(4)))
    before = calibrate(model, samples.inputs)
    found = tightened(model, before, samples, method).ranges["a"]
    assert -20 < before.ranges["a"].low <= found.low < 0.3 * before.ranges["a"].low
