from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from onnx import defs

from edgemm.quantize.grid import Range, asymmetric
from edgemm.quantize.legality import RULES, Form, Rule, grid_operands, rule_of
from edgemm.quantize.target import TARGETS

Make = Callable[..., Any]


@pytest.mark.parametrize("op_type", RULES)
def test_a_rule_is_for_an_operator_of_onnx_and_its_inputs(op_type: str) -> None:
    schema, rule = defs.get_schema(op_type, 17), RULES[op_type]
    indices = [*(rule.data or ()), *(i for i in (rule.weight, rule.bias, rule.fill) if i is not None)]
    assert max(indices, default=0) < schema.max_input


OPERANDS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("Add", "Sub", "Mul", "PRelu", "MatMul"), (0, 1)),
    **dict.fromkeys(("Conv", "ConvTranspose", "Gemm"), (0, 1, 2)),
    **dict.fromkeys(("Max", "Min", "Concat"), (0, 1, 2, 3)),
    "Pad": (0, 2),
}
"""Operator -> of four inputs, those that ONNX calls data, weights, bias or value. All others have one: what else they
take are sizes and the like."""


@pytest.mark.parametrize("op_type", RULES)
def test_the_operands_on_grids_are_listed_by_hand(op_type: str) -> None:
    inputs = [ir.Value(name=f"i{index}", type=ir.TensorType(ir.DataType.FLOAT)) for index in range(4)]
    assert grid_operands(ir.node(op_type, inputs), RULES[op_type]) == set(OPERANDS.get(op_type, (0,)))


def test_a_float_operator_has_none() -> None:
    assert grid_operands(ir.node("Where", [None, None, None]), Rule(Form.FLOAT)) == frozenset()


@pytest.mark.parametrize("op_type", [name for name, rule in RULES.items() if rule.form is Form.FIXED])
def test_a_prescribed_grid_is_there_exactly_where_the_form_is_fixed(op_type: str) -> None:
    assert RULES[op_type].fixed is not None


def test_only_fixed_forms_prescribe_a_grid() -> None:
    assert {rule.form for rule in RULES.values() if rule.fixed is not None} == {Form.FIXED}


@pytest.mark.parametrize(
    ("op_type", "scale", "zero_point"),
    [
        ("Softmax", 1 / 256, -128),
        ("Sigmoid", 1 / 256, -128),
        ("Tanh", 1 / 128, 0),
        ("LogSoftmax", 16 / 256, 127),
    ],
)
def test_the_prescribed_grids_are_those_of_the_specification(
    op_type: str, scale: float, zero_point: int
) -> None:
    fixed = RULES[op_type].fixed
    assert fixed is not None
    grid = fixed.grid(TARGETS["cpu"])
    assert (grid.scalar, grid.zero_point) == (scale, zero_point)


@pytest.mark.parametrize("op_type", ["Softmax", "Sigmoid", "Tanh"])
def test_a_symmetric_target_has_zero_point_0_and_still_holds_1(op_type: str) -> None:
    fixed = RULES[op_type].fixed
    assert fixed is not None
    grid = fixed.grid(TARGETS["tensorrt"])
    assert grid.zero_point == 0
    assert 127 * grid.scalar == pytest.approx(1.0, rel=1e-6)  # float32 scale


SAME = ["AveragePool", "MaxPool", "Reshape", "Concat", "Pad", "Slice", "Transpose", "Gather"]


@pytest.mark.parametrize("op_type", SAME)
def test_what_runs_silently_wrong_on_two_scales_is_same(op_type: str) -> None:
    assert RULES[op_type].form is Form.SAME


@pytest.mark.parametrize("op_type", ["Erf", "Exp", "Div", "LSTM", "GRU", "LayerNormalization", "Sqrt"])
def test_what_has_no_integer_kernel_is_float(op_type: str) -> None:
    node = ir.node(op_type, [ir.Value(name="x", type=ir.TensorType(ir.DataType.FLOAT))])
    assert rule_of(node).form is Form.FLOAT


def test_an_operator_of_another_domain_is_float() -> None:
    node = ir.node("Conv", [ir.Value(name="x", type=ir.TensorType(ir.DataType.FLOAT))], domain="com.example")
    assert rule_of(node).form is Form.FLOAT


def test_a_movement_of_integers_is_float(build: Make) -> None:
    model = build(
        "graph (int64[2, 3] x) => (int64[6] y) { [flat] y = Reshape (x, shape) }", shape=np.array([6])
    )
    assert rule_of(model.graph[0]).form is Form.FLOAT


def test_a_conv_whose_weight_is_computed_is_float(build: Make) -> None:
    model = build(
        "graph (float[1, 1, 4, 4] x, float[1, 1, 1, 1] w) => (float[1, 1, 4, 4] y) { [conv] y = Conv (x, w) }"
    )
    assert rule_of(model.graph[0]).form is Form.FLOAT


@pytest.mark.parametrize(
    ("low", "high", "form"), [(0, 6, Form.FREE), (-1, 1, Form.FREE), (0, 1, Form.SAME), (-3, 3, Form.SAME)]
)
def test_a_clip_rescales_only_at_the_limits_of_a_relu(
    build: Make, low: float, high: float, form: Form
) -> None:
    model = build(
        "graph (float[2] x) => (float[2] y) { [clip] y = Clip (x, low, high) }",
        low=np.float32(low),
        high=np.float32(high),
    )
    assert rule_of(model.graph[0]).form is form


def test_a_sigmoid_range_makes_the_prescribed_grid() -> None:
    grid = asymmetric(Range(0.0, 255 / 256))
    assert RULES["Sigmoid"].fixed is not None
    assert grid.same_as(RULES["Sigmoid"].fixed.grid(TARGETS["cpu"]))
