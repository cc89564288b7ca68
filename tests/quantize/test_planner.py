"""What the plan decides on small graphs, one decision each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.errors import CalibrationError, ConversionError, InputError, UnsupportedOperator
from edgemm.quantize import Calibration, Plan, Precision, Range, calibrate, check_plan, make_plan
from edgemm.quantize.declared import declare
from edgemm.quantize.grid import asymmetric
from edgemm.quantize.target import TARGETS, Target, target

Make = Callable[..., Any]

CONV = "kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0], group = 1"
POOL = "kernel_shape = [2, 2], strides = [2, 2], pads = [0, 0, 0, 0]"


def ranged(model: ir.Model, **ranges: tuple[float, float]) -> Calibration:
    """A calibration that says -1..1 of every value but those named."""
    from edgemm.quantize.calibration import float_values

    found = {str(value.name): Range(-1.0, 1.0) for value in float_values(model)}
    return Calibration(found | {name: Range(*ends) for name, ends in ranges.items()}, 16)


def planned(model: ir.Model, target: str | Target = "cpu", **ranges: tuple[float, float]) -> Plan:
    """The static plan, held to the rules."""
    plan = make_plan(model, ranged(model, **ranges), target=target)
    check_plan(model, plan)
    return plan


def said(plan: Plan, *words: str) -> bool:
    """True when one note has all the words."""
    return any(all(word in note for word in words) for note in plan.notes)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_gets_a_plan_that_keeps_the_rules(residual: ir.Model, noise: Make, target: str) -> None:
    plan = make_plan(residual, calibrate(residual, noise(residual)), target=target)
    check_plan(residual, plan)
    assert set(plan.precision.values()) == {Precision.INT8}
    assert plan.scheme == "static"


def test_a_value_before_a_fused_activation_has_no_grid(residual: ir.Model, noise: Make) -> None:
    plan = make_plan(residual, calibrate(residual, noise(residual)))
    assert sorted(plan.activations) == sorted("xrctgfhy")


def test_a_fused_relu6_gives_its_output_the_clipped_range(residual: ir.Model) -> None:
    plan = planned(residual, s=(-50.0, 50.0), t=(0.0, 6.0))
    assert plan.activations["t"].same_as(asymmetric(Range(0.0, 6.0)))


def test_a_residual_sum_leaves_each_operand_its_grid(residual: ir.Model) -> None:
    plan = planned(residual, r=(0.0, 4.0), c=(-9.0, 9.0), t=(0.0, 6.0))
    assert [plan.activations[name].scalar for name in "rct"] == pytest.approx([4 / 255, 18 / 255, 6 / 255])


def test_a_chain_of_pools_and_movements_is_on_one_grid(build: Make) -> None:
    model = build(
        f"""graph (float[1, 2, 8, 8] x) => (float[1, 8] y) {{
            [sum] a = Add (x, x)
            [maximum] b = MaxPool <{POOL}> (a)
            [average] c = AveragePool <{POOL}> (b)
            [turn] d = Transpose <perm = [0, 2, 3, 1]> (c)
            [flat] y = Reshape (d, shape)
        }}""",
        shape=np.array([1, 8]),
    )
    plan = planned(model, a=(-2.0, 2.0), b=(-0.5, 2.5), c=(-0.1, 1.0))
    assert all(plan.activations[name].same_as(plan.activations["a"]) for name in "bcdy")
    assert plan.activations["a"].same_as(asymmetric(Range(-2.0, 2.5)))


CONCAT = """graph (float[1, 2] x, float[1, 2] z) => (float[1, 4] y) {
    [left] a = Relu (x) [right] b = {other} (z) [join] c = Concat <axis = 1> (a, b) [end] y = LeakyRelu (c) }"""


def test_concat_inputs_share_the_union_of_their_ranges(build: Make) -> None:
    plan = planned(build(CONCAT.replace("{other}", "LeakyRelu")), a=(0.0, 3.0), b=(-1.0, 0.5), c=(-1.0, 3.0))
    assert plan.activations["a"].same_as(asymmetric(Range(-1.0, 3.0)))
    assert plan.activations["b"].same_as(plan.activations["a"])


def test_a_prescribed_grid_wins_over_ranges_that_it_holds(build: Make) -> None:
    plan = planned(build(CONCAT.replace("{other}", "Sigmoid")), a=(0.0, 0.5), b=(0.0, 1.0), c=(0.0, 1.0))
    assert [plan.activations[name].scalar for name in "abc"] == [1 / 256] * 3


def test_a_prescribed_grid_that_cannot_hold_the_rest_makes_the_concat_float(build: Make) -> None:
    model = build(CONCAT.replace("{other}", "Sigmoid"))
    plan = planned(model, a=(0.0, 5.0), b=(0.0, 1.0), c=(0.0, 5.0))
    assert plan.precision["join"] is Precision.FLOAT
    assert plan.activations["a"].scalar == pytest.approx(5 / 255)
    assert plan.activations["b"].scalar == 1 / 256
    assert said(plan, "join", "prescribed grid")


def test_two_prescribed_grids_do_not_meet(build: Make) -> None:
    model = build(CONCAT.replace("Relu (x)", "Tanh (x)", 1).replace("{other}", "Sigmoid"))
    assert said(planned(model, a=(-1.0, 1.0), b=(0.0, 1.0)), "join", "different prescribed grids")


ANY_GRIDS = target("cpu", "onnx")


def test_a_relu_into_a_concat_of_any_grids_ends_where_it_cuts_off(build: Make) -> None:
    model = build(CONCAT.replace("{other}", "LeakyRelu"))
    plan = planned(model, ANY_GRIDS, a=(0.0, 3.0), b=(-1.0, 0.5), c=(-1.0, 3.0))
    assert plan.activations["a"].same_as(asymmetric(Range(0.0, 3.0)))
    assert plan.activations["b"].same_as(plan.activations["c"]), "nothing would be gained by another grid"
    assert plan.activations["c"].same_as(asymmetric(Range(-1.0, 3.0)))


def test_two_relus_into_a_concat_of_any_grids_share_one(build: Make) -> None:
    model = build(CONCAT.replace("{other}", "Relu"))
    plan = planned(model, ANY_GRIDS, a=(0.0, 3.0), b=(0.0, 1.0), c=(0.0, 3.0))
    assert plan.activations["a"].same_as(plan.activations["b"])


LIMITED = """graph (float[1, 2] x, float[1, 2] z) => (float[1, 4] y) {
    [left] a = Clip (x, low, high) [right] b = LeakyRelu (z) [join] c = Concat <axis = 1> (a, b)
    [end] y = LeakyRelu (c) }"""


@pytest.mark.parametrize(("high", "kept"), [(6.0, True), (9.0, False)])
def test_a_clip_into_a_concat_of_any_grids_keeps_its_upper_end(build: Make, high: float, kept: bool) -> None:
    model = build(LIMITED, low=np.float32(0), high=np.float32(6))
    plan = planned(model, ANY_GRIDS, a=(0.0, high), b=(0.0, 9.0), c=(0.0, 9.0))
    assert plan.activations["a"].same_as(plan.activations["c"]) is not kept
    assert plan.activations["a"].scalar == pytest.approx(high / 255)


def test_what_a_pool_picks_from_a_relu_ends_there_too(build: Make) -> None:
    model = build(
        f"""graph (float[1, 2, 4, 4] x, float[1, 2, 2, 2] z) => (float[1, 4, 2, 2] y) {{
            [left] a = Relu (x) [pool] p = MaxPool <{POOL}> (a) [right] b = LeakyRelu (z)
            [join] c = Concat <axis = 1> (p, b) [end] y = LeakyRelu (c) }}"""
    )
    plan = planned(model, ANY_GRIDS, a=(0.0, 3.0), p=(0.0, 3.0), b=(-1.0, 0.5), c=(-1.0, 3.0))
    assert [plan.activations[name].zero_point for name in "ap"] == [-128, -128]
    assert plan.activations["c"].same_as(asymmetric(Range(-1.0, 3.0)))


PICKED = """graph (float[1, 2] x, float[1, 2] z, float[1, 2] v) => (float[1, 4] y, float[1, 2] k) {
    [left] a = Relu (x) [beside] b = LeakyRelu (z) [most] m = Max (b, a) [other] d = LeakyRelu (v)
    [join] c = Concat <axis = 1> (a, d) [end] y = LeakyRelu (c) [last] k = LeakyRelu (m) }"""


@pytest.mark.parametrize(("low", "shared"), [(0.0, False), (-2.0, True)])
def test_what_shares_the_grid_of_a_relu_ends_where_it_does_unless_it_reaches_below(
    build: Make, low: float, shared: bool
) -> None:
    ranges = {"a": (0.0, 3.0), "b": (low, 1.0), "m": (0.0, 3.0), "d": (-1.0, 0.5), "c": (-1.0, 3.0)}
    plan = planned(build(PICKED), ANY_GRIDS, **ranges)
    assert plan.activations["a"].same_as(plan.activations["c"]) is shared
    assert plan.activations["a"].same_as(plan.activations["b"])


def test_a_grid_of_the_source_stays_beside_a_concat_of_any_grids(build: Make) -> None:
    model = build(CONCAT.replace("{other}", "LeakyRelu"))
    (value,) = (value for node in model.graph for value in node.outputs if value.name == "b")
    declare(value, 0.01, 20, (-128, 127))
    plan = planned(model, ANY_GRIDS, a=(0.0, 3.0), b=(-1.0, 0.5), c=(-1.0, 3.0))
    assert plan.activations["b"].scalar == pytest.approx(0.01)
    assert plan.activations["b"].zero_point == 20


def test_prescribed_grids_stay_beside_a_concat_of_any_grids(build: Make) -> None:
    model = build(CONCAT.replace("Relu (x)", "Tanh (x)", 1).replace("{other}", "Sigmoid"))
    plan = planned(model, ANY_GRIDS, a=(-1.0, 1.0), b=(0.0, 1.0), c=(-1.0, 1.0))
    assert [plan.activations[name].scalar for name in "ab"] == [1 / 128, 1 / 256]
    assert plan.is_int8("join")


def test_a_plan_of_any_grids_is_refused_where_a_concat_takes_one(build: Make) -> None:
    model = build(CONCAT.replace("{other}", "LeakyRelu"))
    plan = planned(model, ANY_GRIDS, a=(0.0, 3.0), b=(-1.0, 0.5), c=(-1.0, 3.0))
    with pytest.raises(ConversionError, match=r"join Concat: expected one grid in and out"):
        check_plan(model, replace(plan, target=target("cpu", "tflite")))


@pytest.mark.parametrize(
    ("target", "scheme", "scales"),
    [("cpu", "static", 3), ("cpu", "dynamic", 3), ("coral", "static", 1), ("tflite-2.14", "dynamic", 1)],
)
def test_a_matrix_has_a_scale_for_each_column_where_the_target_takes_them(
    build: Make, weights: Make, target: str, scheme: str, scales: int
) -> None:
    model = build("graph (float[2, 4] x) => (float[2, 3] y) { [product] y = MatMul (x, w) }", w=weights(4, 3))
    plan = make_plan(model, ranged(model) if scheme == "static" else None, target=target, scheme=scheme)
    check_plan(model, plan)
    grid = plan.weights["product", 1]
    reach = np.abs(weights(4, 3)).max(axis=0 if scales == 3 else None)
    np.testing.assert_allclose(grid.scale, np.broadcast_to(reach / 127, scales), rtol=1e-6)
    assert grid.axis == (1 if scales == 3 else None)


def test_a_stack_of_matrices_has_one_scale(build: Make, weights: Make) -> None:
    model = build(
        "graph (float[2, 4, 4] x) => (float[2, 4, 3] y) { [product] y = MatMul (x, w) }", w=weights(2, 4, 3)
    )
    assert planned(model).weights["product", 1].axis is None


PRODUCT = """graph (float[1, 4, 6] x, float[1, 4, 6] z) => (float[1, 4, 4] y) {
    [left] a = LeakyRelu (x) [right] b = {other} (z) [turn] t = Transpose <perm = [0, 2, 1]> (b)
    [product] y = MatMul (a, t) }"""


@pytest.mark.parametrize("other", ["LeakyRelu", "Relu", "Tanh"])
def test_the_right_side_of_a_product_is_on_a_grid_around_zero(build: Make, other: str) -> None:
    plan = planned(build(PRODUCT.replace("{other}", other)), b=(0.0, 3.0) if other == "Relu" else (-1.0, 0.5))
    assert [plan.activations[name].zero_point for name in "bt"] == [0, 0]
    assert plan.activations["b"].scalar == pytest.approx(
        1 / 128 if other == "Tanh" else 3 / 127 if other == "Relu" else 1 / 127
    )
    assert plan.activations["z"].same_as(asymmetric(Range(-1.0, 1.0)))


def test_onnx_takes_any_grid_on_the_right_side_of_a_product(build: Make) -> None:
    plan = planned(build(PRODUCT.replace("{other}", "LeakyRelu")), ANY_GRIDS, b=(-1.0, 0.5), t=(-1.0, 0.5))
    assert plan.activations["t"].same_as(asymmetric(Range(-1.0, 0.5)))


def test_a_product_whose_right_side_has_another_prescribed_zero_point_is_float(build: Make) -> None:
    plan = planned(build(PRODUCT.replace("{other}", "Sigmoid")), b=(0.0, 1.0), t=(0.0, 1.0))
    assert plan.precision["product"] is Precision.FLOAT
    assert said(plan, "product MatMul: float", "must have zero point 0")
    model = build(PRODUCT.replace("{other}", "Sigmoid"))
    assert planned(model, "coral", b=(0.0, 1.0), t=(0.0, 1.0)).is_int8("product"), "it has nothing else"


def test_what_a_right_side_is_joined_with_later_is_around_zero_too(build: Make) -> None:
    model = build(
        """graph (float[1, 4, 4] x, float[1, 4, 4] z) => (float[1, 4, 4] y, float[1, 8, 4] k) {
            [left] a = LeakyRelu (x) [right] b = LeakyRelu (z) [product] y = MatMul (a, b)
            [join] c = Concat <axis = 1> (a, b) [end] k = LeakyRelu (c) }"""
    )
    plan = planned(model, a=(-0.5, 2.0), b=(-1.0, 0.5), c=(-1.0, 2.0))
    assert [plan.activations[name].scalar for name in "abc"] == [pytest.approx(2 / 127)] * 3
    assert plan.activations["c"].zero_point == 0


def test_a_right_side_with_another_zero_point_is_refused(build: Make) -> None:
    plan = planned(build(PRODUCT.replace("{other}", "LeakyRelu")), ANY_GRIDS, b=(-1.0, 0.5), t=(-1.0, 0.5))
    with pytest.raises(ConversionError, match=r"product MatMul: expected a right side with zero point 0"):
        check_plan(
            build(PRODUCT.replace("{other}", "LeakyRelu")), replace(plan, target=target("cpu", "tflite"))
        )


def test_a_last_concat_of_boxes_and_scores_stays_float(build: Make) -> None:
    model = build(
        """graph (float[1, 2] x, float[1, 2] z) => (float[1, 4] y) {
            [boxes] a = LeakyRelu (x) [scores] b = Relu (z) [join] y = Concat <axis = 1> (a, b) }"""
    )
    plan = planned(model, x=(0.0, 640.0), a=(0.0, 640.0), b=(0.0, 1.0), y=(0.0, 640.0))
    assert plan.precision["join"] is Precision.FLOAT
    assert "y" not in plan.activations
    assert said(plan, "differ 640 times")


def test_a_small_member_of_an_inner_concat_is_noted(build: Make) -> None:
    plan = planned(
        build(CONCAT.replace("{other}", "LeakyRelu")), x=(-1.0, 100.0), a=(0.0, 100.0), b=(0.0, 1.0)
    )
    assert plan.is_int8("join")
    assert said(plan, "join", "b uses 0..1", "under 4 bits")


def test_a_constant_in_a_concat_is_on_its_grid_and_in_its_range(build: Make) -> None:
    model = build(
        "graph (float[1, 2] x) => (float[1, 4] y) { [relu] a = Relu (x) [join] y = Concat <axis = 1> (a, k) }",
        k=np.array([[-3.0, 5.0]], np.float32),
    )
    plan = planned(model, a=(0.0, 1.0), y=(-3.0, 5.0))
    assert plan.weights["join", 1].same_as(plan.activations["y"])
    assert plan.activations["y"].same_as(asymmetric(Range(-3.0, 5.0)))


def test_a_pad_value_is_within_the_grid(build: Make) -> None:
    model = build(
        "graph (float[1, 2] x) => (float[1, 4] y) { [relu] a = Relu (x) [pad] y = Pad (a, pads, fill) }",
        pads=np.array([0, 1, 0, 1]), fill=np.float32(-7.0),
    )  # fmt: skip
    plan = planned(model, a=(0.0, 1.0), y=(-7.0, 1.0))
    assert plan.activations["a"].same_as(asymmetric(Range(-7.0, 1.0)))


def test_a_constant_operand_has_its_own_grid(build: Make) -> None:
    model = build("graph (float[1, 2] x) => (float[1, 2] y) { [scale] y = Mul (x, k) }", k=np.float32(-0.5))
    grid = planned(model).weights["scale", 1]
    assert grid.same_as(asymmetric(Range(-0.5, 0.0)))
    assert grid.dequantize(grid.quantize(np.array(-0.5))) == pytest.approx(-0.5)


def test_a_constant_operand_of_zeros_has_a_grid_that_holds_them(build: Make) -> None:
    model = build("graph (float[1, 2] x) => (float[1, 2] y) { [add] y = Add (x, k) }", k=np.float32(0.0))
    grid = planned(model).weights["add", 1]
    assert grid.dequantize(grid.quantize(np.array(0.0))) == 0.0


SHARED = """graph (float[1, 3] x) => (float[1, 3] y) {
    [first] a = Gemm <transB = 1> (x, w, b) [second] y = Gemm <transB = 1> (a, w, b) }"""


def test_a_shared_weight_has_a_bias_grid_for_each_use(build: Make, weights: Make) -> None:
    plan = planned(build(SHARED, w=weights(3, 3), b=weights(3)), x=(-1.0, 1.0), a=(-8.0, 8.0))
    first, second = plan.weights["first", 2], plan.weights["second", 2]
    np.testing.assert_allclose(second.scale, first.scale * 8, rtol=1e-6)  # float32 products
    assert plan.weights["first", 1].same_as(plan.weights["second", 1])


@pytest.mark.parametrize(("target", "scales"), [("cpu", 3), ("arm", 3), ("coral", 1)])
def test_gemm_weights_have_as_many_scales_as_the_target_takes(
    build: Make, weights: Make, target: str, scales: int
) -> None:
    plan = planned(build(SHARED, w=weights(3, 3), b=weights(3)), target)
    assert plan.weights["first", 1].scale.size == scales


def test_a_bias_that_int32_cannot_hold_raises_its_channels_scale(build: Make) -> None:
    model = build(SHARED, w=np.diag([1.0, 1e-8, 1.0]).astype(np.float32), b=np.full(3, 50.0, np.float32))
    plan = planned(model, y=(-60.0, 60.0), a=(-60.0, 60.0))
    grid, bias = plan.weights["first", 1], plan.weights["first", 2]
    assert grid.scale[[0, 2]] == pytest.approx(1 / 127)
    assert bias.dequantize(bias.quantize(np.full(3, 50.0))) == pytest.approx(50.0, rel=1e-6)  # float32 scale
    assert said(plan, "first", "weight scales raised")


def test_a_channel_of_zeros_is_safe(build: Make) -> None:
    model = build(SHARED, w=np.zeros((3, 3), np.float32), b=np.zeros(3, np.float32))
    assert np.isfinite(planned(model).weights["first", 1].scale).all()


def test_a_value_that_was_always_zero_is_safe_and_noted(residual: ir.Model) -> None:
    plan = planned(residual, r=(0.0, 0.0))
    assert plan.activations["r"].same_as(asymmetric(Range(0.0, 1.0)))
    assert said(plan, "value r: always 0 in 16 samples")


def test_an_output_finer_than_runtimes_can_scale_to_is_widened(build: Make) -> None:
    model = build(SHARED, w=np.full((3, 3), 100.0, np.float32), b=np.zeros(3, np.float32))
    plan = planned(model, a=(-1e-7, 1e-7))
    product = plan.activations["x"].scalar * plan.weights["first", 1].scale.max()
    assert product / plan.activations["a"].scalar < 256  # LiteRT's XNNPACK refuses to load more
    assert said(plan, "range of a widened")


def test_a_zero_range_operand_of_a_symmetric_target_has_zero_point_0(residual: ir.Model, noise: Make) -> None:
    plan = make_plan(residual, calibrate(residual, noise(residual)), target="tensorrt")
    assert {grid.zero_point for grid in plan.activations.values()} == {0}
    assert plan.activations["y"].scalar == pytest.approx(1 / 127)


def test_input_ranges_stand_for_what_was_measured(residual: ir.Model) -> None:
    plan = make_plan(residual, ranged(residual), input_ranges={"x": Range(0.0, 1.0)})
    assert plan.activations["x"].scalar == pytest.approx(1 / 255)
    assert plan.activations["x"].zero_point == -128


ERF = (
    "graph (float[1, 4] x) => (float[1, 4] y) { [in] a = LeakyRelu (x) [erf] b = Erf (a) [out] y = Relu (b) }"
)


def test_an_operator_without_integer_form_is_a_float_island(build: Make) -> None:
    plan = planned(build(ERF))
    assert {name: precision.value for name, precision in plan.precision.items()} == {
        "in": "int8",
        "erf": "float",
        "out": "int8",
    }
    assert said(plan, "erf", "Erf has no int8 form")


NORM = """graph (float[1, 4, 6] x) => (float[1, 4, 6] y) {
    [source] a = LeakyRelu (x) [mean] m = ReduceMean <axes = [2]> (a) [off] o = Sub (a, m)
    [square] q = Mul (o, o) [variance] v = ReduceMean <axes = [2]> (q) [raised] r = Add (v, epsilon)
    [root] d = Sqrt (r) [unit] u = Div (o, d) [scaled] y = Mul (u, scale) }"""


def test_the_steps_of_a_normalization_are_float_as_its_root_is(build: Make) -> None:
    model = build(NORM, epsilon=np.float32(1e-5), scale=np.float32(2.0))
    precisions = {name: precision.value for name, precision in planned(model).precision.items()}
    steps = ("mean", "off", "square", "variance", "raised", "root", "unit")
    assert precisions == {**dict.fromkeys(steps, "float"), "source": "int8", "scaled": "int8"}
    assert said(planned(model), "mean", "float operators alone read it")
    assert said(planned(model), "variance", "a root")


@pytest.mark.parametrize("text", [
    "[step] b = Add (x, one) [root] c = Erf (b) [other] y = Mul (b, c)",
    "[step] b = Add (x, x) [root] y = Erf (b)",
    "[step] b = Mul (x, z) [root] y = Erf (b)",
])  # fmt: skip
def test_a_step_that_integers_read_too_or_that_is_a_sum_of_two_is_integer(build: Make, text: str) -> None:
    model = build(
        f"graph (float[1, 4] x, float[1, 4] z) => (float[1, 4] y) {{ {text} }}", one=np.float32(1.0)
    )
    assert planned(model).is_int8("step")


def test_an_integer_only_target_names_the_nodes_that_cannot_be(build: Make) -> None:
    with pytest.raises(
        UnsupportedOperator, match=r"target coral runs integers only, found 1 .*: erf \(Erf\)"
    ):
        planned(build(ERF), "coral")


def test_a_movement_between_float_operators_is_float(build: Make) -> None:
    model = build(
        """graph (float[1, 4] x) => (float[1, 4] y) {
            [a] b = Erf (x) [move] c = Reshape (b, shape) [turn] d = Transpose <perm = [1, 0]> (c) [e] y = Exp (d) }""",
        shape=np.array([4, 1]),
    )
    plan = planned(model)
    assert not plan.is_int8("move")
    assert plan.activations == {}
    assert said(plan, "turn", "between float operators")


def test_a_movement_next_to_an_integer_operator_is_integer(build: Make) -> None:
    model = build(
        "graph (float[1, 4] x) => (float[1, 4] y) { [a] b = Erf (x) [move] c = Reshape (b, s) [e] y = Relu (c) }",
        s=np.array([1, 4]),
    )
    assert planned(model).is_int8("move")


def test_a_node_is_float_where_the_caller_wants_it_with_its_fused_activation(residual: ir.Model) -> None:
    plan = make_plan(residual, ranged(residual), float_nodes=["conv1"])
    assert not plan.is_int8("conv1")
    assert not plan.is_int8("relu1")
    assert plan.is_int8("conv2")
    assert "x" not in plan.activations
    assert said(plan, "conv1", "named in float_nodes")


def test_naming_a_fused_activation_is_naming_its_host(residual: ir.Model) -> None:
    assert not make_plan(residual, ranged(residual), float_nodes=["relu1"]).is_int8("conv1")


def test_auto_is_static_with_a_calibration(residual: ir.Model) -> None:
    assert make_plan(residual, ranged(residual)).scheme == "static"


def test_auto_is_dynamic_without_and_says_so(residual: ir.Model) -> None:
    plan = make_plan(residual, None)
    check_plan(residual, plan)
    assert plan.scheme == "dynamic"
    assert said(plan, "dynamic", "no calibration")


def test_dynamic_has_int8_weights_alone_and_one_scale_for_gemm_in_old_kernels(residual: ir.Model) -> None:
    plan = make_plan(residual, None, scheme="dynamic", target="tflite-2.14")
    assert {name for name, p in plan.precision.items() if p is Precision.DYNAMIC} == {
        "conv1",
        "conv2",
        "gemm",
    }
    assert {key: grid.scale.size for key, grid in plan.weights.items()} == {
        ("conv1", 1): 4,
        ("conv2", 1): 4,
        ("gemm", 1): 1,
    }
    assert plan.activations == {}


def test_float_is_empty(residual: ir.Model) -> None:
    plan = make_plan(residual, None, scheme="float")
    assert (plan.scheme, plan.precision, plan.activations, plan.weights) == ("float", {}, {}, {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scheme": "static"}, "static needs a calibration"),
        ({"scheme": "int4"}, "scheme: expected one of .* found 'int4'"),
        ({"target": "toaster"}, "target: expected one of .* found 'toaster'"),
        ({"target": "coral"}, "runs integers only, found scheme dynamic"),
        ({"float_nodes": ["nobody"]}, "no node 'nobody'"),
        ({"input_ranges": {"r": Range(0, 1)}}, "no input 'r'"),
    ],
)
def test_a_wrong_argument_is_refused(residual: ir.Model, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_plan(residual, None, **arguments)


def test_a_calibration_of_another_graph_is_refused(residual: ir.Model) -> None:
    with pytest.raises(CalibrationError, match="another graph"):
        make_plan(residual, Calibration({"other": Range(0, 1)}, 1))


def test_a_damaged_weight_is_refused(build: Make) -> None:
    model = build(SHARED, w=np.full((3, 3), np.nan, np.float32), b=np.zeros(3, np.float32))
    with pytest.raises(ConversionError, match="constant 'w' holds NaN"):
        make_plan(model, None, scheme="dynamic")


def test_the_same_plan_is_made_twice(residual: ir.Model, noise: Make) -> None:
    first, second = (make_plan(residual, calibrate(residual, noise(residual))) for _ in range(2))
    assert (first.precision, first.notes, list(first.activations), list(first.weights)) == (
        second.precision, second.notes, list(second.activations), list(second.weights),
    )  # fmt: skip
    assert all(grid.same_as(second.activations[name]) for name, grid in first.activations.items())
    assert all(grid.same_as(second.weights[key]) for key, grid in first.weights.items())
