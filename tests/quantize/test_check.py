"""A plan that breaks a rule is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.errors import ConversionError
from edgemm.quantize import Grid, Plan, Precision, calibrate, check_plan, make_plan
from edgemm.quantize.target import target

Make = Callable[..., Any]
ODD = Grid(np.array([0.125], np.float32), 3)


@pytest.fixture
def plan(residual: ir.Model, noise: Make) -> Plan:
    return make_plan(residual, calibrate(residual, noise(residual)))


def with_activation(plan: Plan, name: str, grid: Grid) -> Plan:
    return replace(plan, activations={**plan.activations, name: grid})


def with_weight(plan: Plan, key: tuple[str, int], **changes: Any) -> Plan:
    return replace(plan, weights={**plan.weights, key: replace(plan.weights[key], **changes)})


def without(plan: Plan, name: str) -> Plan:
    return replace(plan, activations={k: v for k, v in plan.activations.items() if k != name})


def with_precision(plan: Plan, name: str, precision: Precision) -> Plan:
    return replace(plan, precision={**plan.precision, name: precision})


BROKEN: dict[str, tuple[Callable[[Plan], Plan], str]] = {
    "unequal scales around Reshape": (
        lambda plan: with_activation(plan, "f", ODD),
        "flat Reshape: expected one grid in and out",
    ),
    "Softmax on a free grid": (
        lambda plan: with_activation(plan, "y", ODD),
        r"softmax Softmax: expected output on \(0.00390625, zero point -128",
    ),
    "a grid before a fused activation": (lambda plan: with_activation(plan, "a", ODD), "'a' .* never stored"),
    "an activation without grid": (lambda plan: without(plan, "c"), r"no grid for values \['c'\]"),
    "a value of another graph": (
        lambda plan: with_activation(plan, "elsewhere", ODD),
        "no value 'elsewhere'",
    ),
    "a node of another graph": (
        lambda plan: with_precision(plan, "elsewhere", Precision.INT8),
        "no node 'elsewhere'",
    ),
    "a zero point on a symmetric target": (
        lambda plan: replace(plan, target=target("tensorrt")),
        "needs zero point 0",
    ),
    "a weight with a zero point": (
        lambda plan: with_weight(plan, ("conv1", 1), zero_point=1),
        "expected symmetric int8 weights along axis 0",
    ),
    "a weight along another axis": (
        lambda plan: with_weight(plan, ("gemm", 1), axis=1),
        "expected symmetric int8 weights along axis 0",
    ),
    "a bias off the accumulator's scale": (
        lambda plan: with_weight(plan, ("conv1", 2), scale=plan.weights["conv1", 2].scale * np.float32(1.01)),
        "expected an int32 bias at s_in",
    ),
    "a scale of zero": (
        lambda plan: with_weight(plan, ("conv1", 1), scale=np.zeros(4, np.float32)),
        "expected finite scales above 0",
    ),
    "a fused activation of another precision": (
        lambda plan: with_precision(plan, "relu1", Precision.FLOAT),
        "relu1: fused into conv1",
    ),
    "dynamic where there is no such form": (
        lambda plan: with_precision(plan, "mean", Precision.DYNAMIC),
        "no form with int8 weights alone",
    ),
    "dynamic in a static plan": (
        lambda plan: with_precision(plan, "conv2", Precision.DYNAMIC),
        "dynamic in a plan of scheme static",
    ),
    "float on an integer target": (
        lambda plan: with_precision(replace(plan, target=target("coral")), "gemm", Precision.FLOAT),
        "gemm Gemm: float, and target coral",
    ),
}


def test_a_good_plan_passes(residual: ir.Model, plan: Plan) -> None:
    check_plan(residual, plan)


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_rule_is_named(residual: ir.Model, plan: Plan, fault: str) -> None:
    break_it, message = BROKEN[fault]
    with pytest.raises(ConversionError, match=message):
        check_plan(residual, break_it(plan))


def test_sums_that_overflow_int32_are_found(build: Make) -> None:
    model = build(
        "graph (float[1, 2] x) => (float[1, 1] y) { [gemm] y = Gemm <transB = 1> (x, w, b) }",
        w=np.full((1, 2), 1e-6, np.float32), b=np.full(1, 1000.0, np.float32),
    )  # fmt: skip
    plan = make_plan(model, calibrate(model, [{"x": np.array([[-1, 1]], np.float32)}]))
    fine = np.array([1e-9], np.float32)
    step = np.float32(plan.activations["x"].scalar)
    broken = with_weight(with_weight(plan, ("gemm", 1), scale=fine), ("gemm", 2), scale=step * fine)
    with pytest.raises(ConversionError, match="more than int32 holds"):
        check_plan(model, broken)


MOVED = """graph (float[1, 3, 8, 8] x) => (float[1, 3, 18, 18] y) {
    [resize] a = Resize <mode = "nearest"> (x, , scales)
    [clip] c = Clip (a, low, high)
    [pad] y = Pad (c, pads, fill)
}"""


@pytest.fixture
def moved(build: Make) -> ir.Model:
    """Operators with operands that are no data: scales, limits, sizes; and one that is: a fill."""
    found: ir.Model = build(
        MOVED, scales=np.array([1, 1, 2, 2], np.float32), low=np.float32(-0.4), high=np.float32(0.7),
        pads=np.array([0, 0, 1, 1, 0, 0, 1, 1]), fill=np.float32(0.5),
    )  # fmt: skip
    return found


def test_only_what_is_data_has_a_grid(moved: ir.Model, noise: Make) -> None:
    plan = make_plan(moved, calibrate(moved, noise(moved)))
    check_plan(moved, plan)
    assert set(plan.weights) == {("pad", 2)}


@pytest.mark.parametrize("key", [("resize", 2), ("clip", 1), ("clip", 2), ("pad", 1)])
def test_a_grid_on_another_operand_is_refused(moved: ir.Model, noise: Make, key: tuple[str, int]) -> None:
    plan = make_plan(moved, calibrate(moved, noise(moved)))
    broken = replace(plan, weights={**plan.weights, key: ODD})
    with pytest.raises(
        ConversionError, match=f"{key[0]} .*input {key[1]} has a grid, and is none of its data"
    ):
        check_plan(moved, broken)


def test_a_grid_on_a_node_in_float_is_refused(residual: ir.Model, noise: Make) -> None:
    plan = make_plan(residual, calibrate(residual, noise(residual)), float_nodes=["gemm"])
    broken = replace(plan, weights={**plan.weights, ("gemm", 1): ODD})
    with pytest.raises(ConversionError, match="gemm Gemm: input 1 has a grid"):
        check_plan(residual, broken)


def test_an_operator_without_integer_form_cannot_be_integer(build: Make) -> None:
    model = build("graph (float[1, 4] x) => (float[1, 4] y) { [erf] y = Erf (x) }")
    with pytest.raises(ConversionError, match="erf Erf: integer, but it has no int8 form"):
        check_plan(model, Plan(target("cpu"), "static", {"erf": Precision.INT8}))
