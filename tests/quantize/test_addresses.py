"""Sizes, scales and places are never on a grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.errors import ConversionError
from edgemm.quantize import Plan, Precision, calibrate, check_plan, make_plan
from edgemm.quantize.addresses import ADDRESSES, address_values
from edgemm.quantize.legality import RULES, grid_operands, rule_of

Make = Callable[..., Any]
CONV = "kernel_shape = [3, 3], strides = [1, 1], dilations = [1, 1], pads = [1, 1, 1, 1], group = 1"


@pytest.fixture
def warped(build: Make, weights: Make) -> ir.Model:
    """A picture sampled where a small head on its average says: a spatial transformer."""
    found: ir.Model = build(
        f"""graph (float[1, 3, 8, 8] x) => (float[1, 2, 8, 8] y) {{
            [conv] a = Conv <{CONV}> (x, w, b)
            [mean] q = GlobalAveragePool (a)
            [flat] f = Reshape (q, row)
            [head] t = Gemm <transB = 1> (f, wt, bt)
            [matrix] m = Reshape (t, turn)
            [place] p = MatMul (points, m)
            [grid] g = Reshape (p, picture)
            [sample] s = GridSample (a, g)
            [last] y = Conv <{CONV}> (s, w2, b2)
        }}""",
        w=weights(4, 3, 3, 3), b=weights(4), wt=weights(6, 4), bt=weights(6), w2=weights(2, 4, 3, 3), b2=weights(2),
        row=np.array([1, 4]), turn=np.array([1, 3, 2]), picture=np.array([1, 8, 8, 2]),
        points=weights(1, 64, 3),
    )  # fmt: skip
    return found


def static(model: ir.Model, noise: Make) -> Plan:
    plan = make_plan(model, calibrate(model, noise(model)))
    check_plan(model, plan)
    return plan


def test_places_are_computed_in_float_back_to_a_layer(warped: ir.Model, noise: Make) -> None:
    plan = static(warped, noise)
    integer = {name for name, precision in plan.precision.items() if precision is Precision.INT8}
    assert integer == {"conv", "mean", "flat", "last"}
    assert not {"t", "m", "p", "g"} & set(plan.activations)
    assert any("head Gemm: float, it computes sizes or places" in note for note in plan.notes)


def test_the_layer_that_says_where_keeps_its_weights(warped: ir.Model) -> None:
    plan = make_plan(warped, None, scheme="dynamic")
    assert plan.precision["head"] is Precision.FLOAT
    assert plan.precision["conv"] is Precision.DYNAMIC


def test_a_grid_on_a_place_is_refused(warped: ir.Model, noise: Make) -> None:
    plan = static(warped, noise)
    broken = replace(plan, activations={**plan.activations, "g": plan.activations["a"]})
    with pytest.raises(ConversionError, match="value 'g' has a grid, and says where"):
        check_plan(warped, broken)


def test_numbers_of_rows_are_computed_in_float(build: Make, noise: Make, weights: Make) -> None:
    model = build(
        """graph (float[1, 4] x) => (float[1, 1, 8] y) {
            [head] h = Gemm <transB = 1> (x, w, b)
            [scale] s = Mul (h, many)
            [whole] i = Cast <to = 7> (s)
            [pick] y = Gather <axis = 0> (table, i)
        }""",
        w=weights(1, 4), b=np.full(1, 0.5), many=np.float32(500), table=weights(1000, 8),
    )  # fmt: skip
    plan = static(model, noise)
    assert plan.precision["head"] is plan.precision["scale"] is Precision.FLOAT


@pytest.mark.parametrize("chosen", ["ArgMax <axis = 1, keepdims = 0> (h)", "Cast <to = 7> (over)"])
def test_what_is_chosen_by_comparing_is_data(build: Make, noise: Make, weights: Make, chosen: str) -> None:
    model = build(
        f"""graph (float[1, 4] x) => (float[8] y) {{
            [head] h = Gemm <transB = 1> (x, w, b)
            [sum] t = ReduceSum <keepdims = 0> (h)
            [over] over = Greater (t, zero)
            [choose] c = {chosen}
            [flat] i = Reshape (c, none)
            [pick] y = Gather <axis = 0> (table, i)
        }}""",
        w=weights(5, 4), b=weights(5), zero=np.float32(0), none=np.array([], np.int64), table=weights(5, 8),
    )  # fmt: skip
    assert address_values(model) == set()


def test_a_picture_made_of_whole_numbers_is_data(build: Make, noise: Make, weights: Make) -> None:
    model = build(
        f"""graph (float[1, 3, 8, 8] x) => (uint8[1, 3, 8, 8] y) {{
            [conv] a = Conv <{CONV}> (x, w, b)  [levels] m = Mul (a, many)  [whole] y = Cast <to = 2> (m) }}""",
        w=weights(3, 3, 3, 3), b=weights(3), many=np.float32(255),
    )  # fmt: skip
    assert address_values(model) == set()
    assert static(model, noise).precision["conv"] is Precision.INT8


def test_an_input_that_says_where_stays_real(build: Make, noise: Make, weights: Make) -> None:
    model = build(
        f"""graph (float[1, 3, 8, 8] x, float[1, 4, 4, 2] at) => (float[1, 4, 4, 4] y) {{
            [conv] a = Conv <{CONV}> (x, w, b)  [half] h = Mul (at, c)  [sample] y = GridSample (a, h) }}""",
        w=weights(4, 3, 3, 3), b=weights(4), c=np.float32(0.5),
    )  # fmt: skip
    assert address_values(model) == {"at", "h"}
    assert "at" not in static(model, noise).activations


@pytest.mark.parametrize("op_type", sorted(set(ADDRESSES) & set(RULES)))
def test_no_address_is_an_operand_on_a_grid(op_type: str) -> None:
    node = ir.node(op_type, [ir.Value(name=f"i{n}", type=ir.TensorType(ir.DataType.FLOAT)) for n in range(5)])
    assert not set(ADDRESSES[op_type]) & set(RULES[op_type].data or ())
    assert not set(ADDRESSES[op_type]) & grid_operands(node, rule_of(node))
