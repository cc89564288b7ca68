"""Grids of a quantized source, from the value that they stand on to the plan."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.quantize import calibrate, make_plan
from edgemm.quantize.declared import KEY, cuts, declare, declared, prescribed
from edgemm.quantize.grid import Grid, Range, asymmetric, symmetric, weight_grid
from edgemm.quantize.lattice import step_of

ENDS = ((-128, 127), (0, 255))


@pytest.mark.parametrize("seed", range(8))
def test_a_grid_comes_back_as_it_was(seed: int) -> None:
    generator = np.random.default_rng(seed)
    for low, high in ENDS:
        scale, zero = np.float32(10 ** generator.uniform(-6, 3)), int(generator.integers(low, high + 1))
        value = ir.Value(name="v")
        declare(value, float(scale), zero, (low, high))
        found = declared(value)
        assert found is not None
        grid = asymmetric(found.union(Range(found.low / 2, found.high / 3)).with_zero())
        assert (grid.scale[0], grid.zero_point) == (scale, zero - low - 128)


def test_a_wider_range_asks_for_another_grid() -> None:
    value = ir.Value(name="v")
    kept = declare(value, 0.1, 128, (0, 255))
    assert kept.union(Range(0.0, 12.6)) == kept
    assert kept.union(Range(0.0, 13.0)) == Range(kept.low, 13.0)


def test_sixteen_bits_give_their_ends_and_no_step() -> None:
    value = ir.Value(name="v")
    declare(value, 0.001, 0, (-32768, 32767))
    found = declared(value)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((-32.768, 32.767))
    assert found.step == 0.0


@pytest.mark.parametrize(
    "text", ["", "nonsense", "inf 0 0 255", "0x1p-3 0 1 255", "0x1p-3 0 0", "-0x1p-3 0 0 255"]
)
def test_what_is_no_grid_is_none(text: str) -> None:
    value = ir.Value(name="v")
    value.metadata_props[KEY] = text
    assert declared(value) is None


def test_a_symmetric_target_keeps_a_symmetric_grid() -> None:
    assert symmetric(Range(-1.28, 1.27, 0.01)).scalar == np.float32(0.01)
    assert symmetric(Range(0.0, 2.55, 0.01)).scalar == pytest.approx(2.55 / 127)


def test_a_grid_cuts_where_it_ends() -> None:
    grid = Grid(np.array([0.1], np.float32), -128)
    assert cuts(grid, (0.0, 25.5))
    assert cuts(grid, (-np.inf, 25.5))
    assert not cuts(grid, (0.0, 20.0))
    assert not cuts(None, (0.0, 25.5))


@pytest.mark.parametrize("reach", [127, 126, 90, 64])
def test_weights_that_were_integers_become_these_integers_again(reach: int) -> None:
    generator = np.random.default_rng(reach)
    integers = generator.integers(-reach, reach + 1, (5, 4, 3, 3))
    integers[:, 0, 0, 0] = reach
    scales = np.float32(10.0) ** generator.uniform(-4, 0, (5, 1, 1, 1)).astype(np.float32)
    grid = weight_grid((integers * scales).astype(np.float32), 0)
    np.testing.assert_array_equal(grid.quantize((integers * scales).astype(np.float32)), integers)
    np.testing.assert_allclose(grid.scale, scales.reshape(-1), rtol=2e-7)


def test_few_steps_are_divided_finer() -> None:
    """All that bias and sums are worth stays: 3 steps of 0.5 are 126 of 1/84."""
    grid = weight_grid(np.array([[0.5, -1.5, 1.0]], np.float32), 0)
    assert grid.scalar == pytest.approx(1.5 / 126)


def test_real_weights_fill_their_grid() -> None:
    weights = np.random.default_rng(0).standard_normal((8, 50)).astype(np.float32)
    np.testing.assert_allclose(weight_grid(weights, 0).scale, np.abs(weights).max(axis=1) / 127, rtol=1e-6)


def test_a_constant_operand_that_was_on_a_grid_keeps_its_step() -> None:
    steps = np.arange(-60, 141, 3)
    step = step_of((steps * 0.01).astype(np.float32), 255)
    assert step == pytest.approx(0.01, rel=1e-5)  # its 66 steps go three times into 255
    assert step_of(np.random.default_rng(0).standard_normal(64), 255) == 0.0


def test_a_factor_that_was_integers_is_multiplied_as_these(build: Any) -> None:
    model = build("g (float[1,4] x) => (float[1,4] y) { y = Mul(x, k) }", k=np.array([-50, 100, 3, 7]) * 0.02)
    data = [{"x": np.array([[-1.0, 0.5, 0.2, 1.0]], np.float32)}]
    plan = make_plan(model, calibrate(model, data), scheme="static")
    (grid,) = plan.weights.values()
    assert grid.scalar == pytest.approx(0.02, rel=1e-6)


def test_what_a_source_prescribes_comes_before_what_was_measured(build: Any) -> None:
    """Also for what is only seen behind the Clip, back through what picks and moves."""
    text = """g (float[1,2,4,4] x) => (float[1,8] y) { r = Relu(x) m = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r)
        c = Clip(m, low, high) y = Reshape(c, sizes) }"""
    limits = {"low": np.float32(-0.5), "high": np.float32(2.05)}
    model = build(text, sizes=np.array([1, 8]), **limits)
    value = next(node for node in model.graph if node.op_type == "Clip").outputs[0]
    declare(value, 0.01, 50, (0, 255))
    ranges = prescribed(model)
    assert set(ranges) == {"x", "r", "m", "c"}
    assert {each.step for each in ranges.values()} == {0.01}
    declare(value, 0.02, 50, (0, 255))  # the Clip no longer ends where the grid does
    assert set(prescribed(model)) == {"c"}
