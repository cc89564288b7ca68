"""What no grid holds computes in float, and says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.errors import ConversionError, UnsupportedOperator
from edgemm.quantize import Calibration, Plan, Precision, Range, calibrate, check_plan, make_plan
from edgemm.quantize.calibration import float_values
from edgemm.quantize.grid import MAX_SCALE, Grid

Make = Callable[..., Any]
CHAIN = "graph (float[1, 4] x) => (float[1, 4] y) { [one] a = LeakyRelu (x) [two] b = {op} [three] y = LeakyRelu (b) }"


def calibration_of(model: ir.Model, ranges: Mapping[str, tuple[float, float]], **more: Any) -> Calibration:
    """-1..1 for all values but those named."""
    found = {str(value.name): Range(-1.0, 1.0) for value in float_values(model)}
    return Calibration(found | {name: Range(*ends) for name, ends in ranges.items()}, 16, **more)


def planned(model: ir.Model, target: str = "cpu", more: Any = None, **ranges: tuple[float, float]) -> Plan:
    plan = make_plan(model, calibration_of(model, ranges, **(more or {})), target=target, scheme="static")
    check_plan(model, plan)
    return plan


def in_float(plan: Plan) -> set[str]:
    return {name for name, precision in plan.precision.items() if precision is Precision.FLOAT}


def chain(build: Make, op: str = "Neg (a)", **constants: Any) -> ir.Model:
    found: ir.Model = build(CHAIN.replace("{op}", op), **constants)
    return found


@pytest.mark.parametrize(
    ("more", "ranges", "note"),
    [
        ({"not_finite": frozenset("a")}, {}, "a is not finite"),
        ({"coarse": {"a": "too coarse"}}, {}, "a: too coarse"),
        ({}, {"a": (-3.4e38, 1.0)}, "no grid holds a"),
    ],
)
def test_whatever_touches_a_value_that_no_grid_holds_is_float(
    build: Make, more: Any, ranges: Any, note: str
) -> None:
    plan = planned(chain(build, "LeakyRelu (a)"), more=more, **ranges)
    assert in_float(plan) == {"one", "two"}
    assert "a" not in plan.activations
    assert any(note in each for each in plan.notes)


def test_a_sane_range_has_a_grid_however_large(build: Make) -> None:
    assert not in_float(planned(chain(build, "LeakyRelu (a)"), a=(-1e9, 1e9), b=(-1e9, 1e9)))


@pytest.mark.parametrize("op", ["Add (a, k)", "Mul (a, k)", "Max (a, k)"])
@pytest.mark.parametrize("number", [-3.4e38, -np.inf, np.nan])
def test_a_constant_that_no_grid_holds_keeps_its_reader_in_float(build: Make, op: str, number: float) -> None:
    model = chain(build, op, k=np.array([0, 1, number, 0], np.float32))
    assert in_float(planned(model)) == {"two"}


@pytest.mark.parametrize("number", [-3.4e38, -np.inf])
def test_a_constant_is_stored_as_far_as_it_is_seen(build: Make, number: float) -> None:
    mask = np.array([0, 0, number, 0], np.float32)
    model = chain(build, "Add (a, k)", k=mask)
    plan = planned(model, more={"operands": {("two", 1): Range(-20.0, np.inf)}}, b=(-16.0, 1.0))
    assert not in_float(plan)
    grid = plan.weights["two", 1]
    assert grid.scalar == pytest.approx(20 / 255)
    assert grid.quantize(mask).tolist() == [127, 127, -128, 127]


@pytest.mark.parametrize("wide", [True, False], ids=["much is not seen", "all is seen"])
def test_a_product_whose_result_is_hardly_seen_is_float_and_not_widened(build: Make, wide: bool) -> None:
    model = chain(build, "Mul (a, k)", k=np.array([1e9, 0, 0, 0], np.float32))
    more = {"whole": {"b": Range(-1e9, 1e9)}} if wide else {}
    plan = planned(model, more=more, b=(-1.0, 1.0))
    assert in_float(plan) == ({"two"} if wide else set())


def test_products_of_insane_scales_are_float(build: Make) -> None:
    model = build("graph (float[1, 4] x, float[1, 4] z) => (float[1, 4] y) { [mul] y = Mul (x, z) }")
    assert in_float(planned(model, x=(-1e12, 1e12), z=(-1e12, 1e12), y=(-1.0, 1.0))) == {"mul"}
    with pytest.raises(UnsupportedOperator, match="no grid holds x"):
        planned(model, target="coral", x=(-1e30, 1e12))


def test_values_that_only_together_need_an_insane_scale_are_not_joined(build: Make) -> None:
    text = """graph (float[1, 4] x, float[1, 4] z) => (float[1, 8] y) {
        [join] c = Concat <axis = 1> (x, z) [end] y = LeakyRelu (c) }"""
    far = 200 * MAX_SCALE
    assert in_float(planned(build(text), x=(-far, 0.0), z=(0.0, far), c=(-1.0, 1.0))) == {"join"}


def test_a_widened_range_that_leaves_its_group_makes_the_joining_node_float(build: Make) -> None:
    model = build(
        """graph (float[1, 4] x, float[1, 4] z) => (float[1, 8] y) {
            [mul] a = Mul (x, z) [squash] b = Sigmoid (z)
            [join] c = Concat <axis = 1> (a, b) [end] y = LeakyRelu (c) }"""
    )
    plan = planned(model, x=(-1e6, 1e6), z=(-1e6, 1e6), a=(0.0, 1.0), b=(0.0, 1.0), c=(0.0, 1.0))
    assert in_float(plan) == {"join"}


def test_log_probabilities_beyond_the_prescribed_grid_are_float(build: Make) -> None:
    model = build("graph (float[1, 4] x) => (float[1, 4] y) { [log] y = LogSoftmax <axis = 1> (x) }")
    assert not in_float(planned(model, y=(-15.9, 0.0)))
    assert in_float(planned(model, y=(-30.0, 0.0))) == {"log"}
    assert not in_float(planned(model, target="coral", y=(-30.0, 0.0)))


def test_an_integer_only_target_takes_coarse_steps(build: Make) -> None:
    plan = planned(chain(build, "LeakyRelu (a)"), target="coral", more={"coarse": {"a": "too coarse"}})
    assert not in_float(plan)


def test_the_checker_refuses_an_insane_scale(residual: ir.Model, noise: Make) -> None:
    plan = make_plan(residual, calibrate(residual, noise(residual)))
    grid = Grid(np.array([MAX_SCALE * 1.01], np.float32), 0)
    with pytest.raises(ConversionError, match=r"c: expected scales up to 8.59e\+09"):
        check_plan(residual, replace(plan, activations={**plan.activations, "c": grid}))


@pytest.mark.parametrize("number", [-np.inf, -3.4e38])
def test_a_table_of_masks_is_not_stored_in_integers(build: Make, number: float) -> None:
    table = np.zeros((64, 64), np.float32)
    model = build(
        "graph (int64[1, 2] ids) => (float[1, 2, 64] y) { [pick] y = Gather <axis = 0> (table, ids) }",
        table=table,
    )
    assert not in_float(make_plan(model, None, scheme="dynamic"))
    table[np.triu_indices(64, 1)] = number
    model = build(
        "graph (int64[1, 2] ids) => (float[1, 2, 64] y) { [pick] y = Gather <axis = 0> (table, ids) }",
        table=table,
    )
    assert in_float(make_plan(model, None, scheme="dynamic")) == {"pick"}


@pytest.mark.parametrize(("low", "told"), [(-9.0, True), (-3.0, False)])
def test_a_range_that_was_limited_by_far_is_told(build: Make, low: float, told: bool) -> None:
    plan = planned(chain(build, "LeakyRelu (a)"), more={"whole": {"a": Range(low, 1.0)}})
    assert any("a: -9..1, limited to -1..1" in note for note in plan.notes) == told


def test_what_lies_far_beyond_its_grid_is_in_the_plan(build: Make) -> None:
    whole = {"a": Range(-1e9, 1.0), "b": Range(-9.0, 1.0)}
    assert planned(chain(build, "LeakyRelu (a)"), more={"whole": whole}).beyond == {"a": whole["a"]}
