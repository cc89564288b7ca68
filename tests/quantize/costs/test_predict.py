"""Predicted times, with tables made by hand whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.costs import CostTable, Point, Work
from edgemm.errors import InputError
from edgemm.quantize import Plan, Precision, make_plan
from edgemm.quantize.costs import change_us, lone_pool_us, partition_us, predict
from edgemm.quantize.costs.curves import fit
from edgemm.quantize.costs.kinds import kind_of, pictures, work_of
from edgemm.quantize.prices import Prices
from edgemm.quantize.target import TARGETS

Make = Callable[..., Any]
CONV = "kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0], group = 1"


def point(kind: str, precision: str, us: float, *, delegated: bool = True) -> Point:
    """One operator takes so long, whatever its size."""
    return Point(kind, precision, Work(1, 0, 0, 0, 0), us, delegated)


def per_element(kind: str, precision: str, us: float) -> tuple[Point, Point]:
    """Every element that is read or written takes so long."""
    return (
        Point(kind, precision, Work(1, 0, 10, 0, 0), 10 * us),
        Point(kind, precision, Work(1, 0, 90, 0, 0), 90 * us),
    )


def table(*points: Point, format_: str = "tflite") -> CostTable:
    return CostTable("AVX2", {format_: points})


def plan(precision: dict[str, Precision], target: str = "arm") -> Plan:
    return Plan(TARGETS[target], "mixed", precision)


@pytest.fixture
def chain(build: Make, weights: Make) -> ir.Model:
    """conv (its Relu fused), sigmoid, conv, softmax."""
    model: ir.Model = build(
        f"""graph (float[1, 4, 2, 2] x) => (float[1, 4, 2, 2] y) {{
            [one] a = Conv<{CONV}> (x, w)
            [relu] b = Relu (a)
            [sig] c = Sigmoid (b)
            [two] d = Conv<{CONV}> (c, v)
            [soft] y = Softmax<axis = 1> (d) }}""",
        w=weights(4, 4, 1, 1), v=weights(4, 4, 1, 1),
    )  # fmt: skip
    return model


FIXED = (
    point("conv_thin", "float", 10.0),
    point("conv_thin", "int8", 4.0),
    point("conv_thin", "int8_u8", 6.0),
    point("conv_thin", "dynamic", 12.0),
    point("sigmoid", "float", 3.0),
    point("sigmoid", "int8", 1.0, delegated=False),
    point("softmax", "float", 2.0),
)


def test_a_float_plan_is_the_sum_of_its_nodes(chain: ir.Model) -> None:
    cost = predict(chain, make_plan(chain, None, scheme="float"), "tflite", table(*FIXED))
    assert cost.nodes == {"one": 10.0, "relu": 0.0, "sig": 3.0, "two": 10.0, "soft": 2.0}
    assert (cost.total_us, cost.changes_us, cost.partitions, cost.unknown) == (25.0, 0.0, 1, ())


MIXED = {"one": Precision.INT8, "sig": Precision.INT8, "two": Precision.DYNAMIC}


def test_changes_lie_between_integers_and_float(chain: ir.Model) -> None:
    """Of the 16 elements of c: integers for sig, float for two. The file's own ends are integers."""
    made = table(*FIXED, *per_element("change", "int8", 0.25))
    cost = predict(chain, plan(MIXED), "tflite", made)
    assert cost.nodes == {"one": 4.0, "relu": 0.0, "sig": 1.0, "two": 12.0, "soft": 2.0}
    assert cost.changes_us == pytest.approx(16 * 0.5)
    assert cost.total_us == pytest.approx(19.0 + 8.0)


def test_an_onnx_file_has_float_ends(chain: ir.Model) -> None:
    """x is made integers, c is made float."""
    made = table(*FIXED, *per_element("change", "int8", 0.25), format_="onnx")
    cost = predict(chain, plan(MIXED), "onnx", made)
    assert cost.changes_us == pytest.approx(2 * 16 * 0.5)
    assert cost.partitions == 0


def test_integer_ends_of_an_onnx_graph_become_float(build: Make) -> None:
    model = build("graph (float[4] x) => (float[4] y) { [sig] y = Sigmoid (x) }")
    made = table(*FIXED, *per_element("change", "int8", 0.25), format_="onnx")
    cost = predict(model, plan({"sig": Precision.INT8}), "onnx", made)
    assert cost.changes_us == pytest.approx(2 * 4 * 0.5)


def test_unsigned_weights_have_times_of_their_own(chain: ir.Model) -> None:
    made = CostTable("AVX2", {"tflite": FIXED, "onnx": FIXED})
    found = plan({"one": Precision.INT8}, target="x86")
    assert predict(chain, found, "onnx", made).nodes["one"] == 6.0
    assert predict(chain, found, "tflite", made).nodes["one"] == 4.0


def test_a_precision_that_the_table_lacks_is_the_nearest(chain: ir.Model) -> None:
    found = plan({"two": Precision.HYBRID, "soft": Precision.INT8})
    cost = predict(chain, found, "tflite", table(*FIXED))
    assert (cost.nodes["two"], cost.nodes["soft"], cost.unknown) == (12.0, 2.0, ())


def test_plans_of_one_graph_are_priced_each_by_itself(
    chain: ir.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they have in common is worked out once."""
    made = table(*FIXED, *per_element("change", "int8", 0.25))
    told = Prices("tflite", made).of(chain)
    monkeypatch.setattr(import_module("edgemm.quantize.costs.predict"), "outline", None)
    assert told.total(chain, make_plan(chain, None, scheme="float")) == 25.0
    assert told.total(chain, plan(MIXED)) == pytest.approx(19.0 + 8.0)
    assert told.of(chain) is told


def test_what_is_known_of_one_graph_is_not_taken_for_another(chain: ir.Model, build: Make) -> None:
    told = Prices("tflite", table(*FIXED)).of(chain)
    other = build("graph (float[4] x) => (float[4] y) { [sig] y = Sigmoid (x) }")
    assert told.nodes(other, plan({})) == {"sig": 3.0}
    assert told.of(other).nodes(other, plan({})) == {"sig": 3.0}


def test_curves_of_other_points_are_others() -> None:
    """Whatever lies where in memory."""
    for us in range(1, 30):
        assert change_us(1, "tflite", table(point("change", "int8", float(us))))[0] == pytest.approx(us)


def test_an_unknown_operator_is_counted_by_what_it_moves(build: Make) -> None:
    model = build("graph (float[4] x) => (float[4] y) { [odd] y = Softplus (x) }")
    made = table(*FIXED, *per_element("add", "float", 0.25))
    cost = predict(model, plan({}), "tflite", made)
    assert cost.nodes == {"odd": pytest.approx(8 * 0.25)}
    assert cost.unknown == ("softplus",)


def test_pieces_are_counted_as_xnnpack_gets_them(chain: ir.Model) -> None:
    made = table(*FIXED, point("partition", "int8", 0.75))
    cost = predict(chain, plan(MIXED), "tflite", made)
    assert cost.partitions == 2
    assert cost.partitions_us == pytest.approx(1.5)
    assert partition_us(made) == pytest.approx(1.5)


def test_branches_that_can_run_share_a_piece(build: Make) -> None:
    """Both sigmoids wait for nothing but x: they are one turn of the plain kernels, between two pieces."""
    model = build(
        """graph (float[4] x) => (float[4] y) {
            [a] a = Sigmoid (x)
            [b] b = Tanh (x)
            [c] c = Sigmoid (x)
            [d] d = Add (a, b)
            [e] y = Add (d, c) }"""
    )
    made = table(*FIXED, point("tanh", "float", 1.0), point("add", "float", 1.0))
    cost = predict(model, plan({"a": Precision.INT8, "c": Precision.INT8}), "tflite", made)
    assert cost.partitions == 2


def test_pictures_turn_for_nothing_in_tflite(build: Make) -> None:
    model = build(
        """graph (float[1, 2, 3, 4] x) => (float[1, 3, 2, 4] z) {
            [last] y = Transpose<perm = [0, 2, 3, 1]> (x)
            [turn] z = Transpose<perm = [0, 1, 3, 2]> (y) }"""
    )
    points = (point("transpose", "float", 7.0),)
    assert predict(model, plan({}), "tflite", table(*points)).nodes == {"last": 0.0, "turn": 7.0}
    made = table(*points, format_="onnx")
    assert predict(model, plan({}), "onnx", made).nodes == {"last": 7.0, "turn": 7.0}


def test_far_weights_take_longer(build: Make) -> None:
    """As many bytes as the larger of the models that tell: each takes what they take beyond the near ones."""
    model = build("graph (float[1, 64] x) => (float[1, 64] y) { [m] y = MatMul (x, w) }", w=np.ones((64, 64)))
    near, far = Work(1, 0, 0, 16), Work(1, 0, 0, 64 * 64)
    streams = (Point("stream", "float", near, 16 * 0.004), Point("stream", "float", far, 64 * 64 * 0.012))
    made = table(point("gemm", "float", 5.0), point("gemm", "int8", 2.0), *streams)
    assert predict(model, plan({}), "tflite", made).nodes["m"] == pytest.approx(5.0 + 64 * 64 * 0.008)
    integers = predict(model, plan({"m": Precision.INT8}), "tflite", made).nodes["m"]
    share = np.log(64 * 64 / (16 * 4)) / np.log(64 * 64 / 16)
    assert integers == pytest.approx(2.0 + 64 * 64 * 0.002 * share)


def test_weights_that_are_unpacked_when_the_file_is_loaded_are_float_weights(chain: ir.Model) -> None:
    """A dynamic convolution of .tflite; ONNX Runtime unpacks its weights in each inference."""
    near, far = Work(1, 0, 0, 4), Work(1, 0, 0, 16)
    streams = (Point("stream", "float", near, 4 * 0.004), Point("stream", "float", far, 16 * 0.044))
    points = (*FIXED, *streams)
    found = plan({"one": Precision.DYNAMIC, "two": Precision.DYNAMIC})
    made = CostTable("AVX2", {"tflite": points, "onnx": points})
    assert predict(chain, found, "tflite", made).nodes["two"] == pytest.approx(12.0 + 16 * 4 * 0.01)
    share = np.log(2 * 16 / 16) / np.log(4)
    assert predict(chain, found, "onnx", made).nodes["two"] == pytest.approx(12.0 + 16 * 0.01 * share)


def test_a_row_added_to_a_product_is_counted_with_it(build: Make) -> None:
    """The one behind the product that alone reads it; the same row behind a sigmoid is an Add."""
    model = build(
        """graph (float[2, 4] x) => (float[2, 4] z, float[2, 4] v) {
            [m] a = MatMul (x, w)
            [bias] y = Add (row, a)
            [s] z = Sigmoid (y)
            [n] b = MatMul (z, w)
            [two] c = Add (b, row)
            [more] v = Mul (c, b) }""",
        w=np.ones((4, 4)), row=np.ones(4),
    )  # fmt: skip
    points = (
        point("gemm", "float", 9.0), point("gemm", "int8", 5.0), point("add_broadcast", "float", 2.0),
        point("mul", "float", 3.0), point("sigmoid", "float", 1.0),
    )  # fmt: skip
    made = table(*points)
    nodes = predict(model, plan({}), "tflite", made).nodes
    assert nodes == {"m": 9.0, "bias": 0.0, "s": 1.0, "n": 9.0, "two": 2.0, "more": 3.0}
    mixed = predict(model, plan({"m": Precision.INT8}), "tflite", made).nodes
    assert (mixed["m"], mixed["bias"]) == (5.0, 2.0)


@pytest.mark.parametrize(
    ("shape", "group", "taps", "kind"),
    [
        ((1, 3, 8, 8), 1, 3, "conv_thin"),
        ((1, 16, 8, 8), 1, 3, "conv"),
        ((1, 16, 8, 8), 1, 1, "conv_1x1"),
        ((1, 16, 8, 8), 16, 5, "conv_depthwise"),
        ((1, 16, 8, 8), 16, 7, "conv_depthwise_large"),
        ((1, 16, 8, 8), 2, 3, "conv_grouped"),
        ((1, 32, 8, 8), 2, 3, "conv_grouped_wide"),
    ],
)
def test_convolutions_of_different_shapes_are_different_kinds(
    build: Make, shape: tuple[int, ...], group: int, taps: int, kind: str
) -> None:
    channels = shape[1]
    model = build(
        f"""graph (float[1, {channels}, 8, 8] x) => (float[1, {channels}, 8, 8] y) {{
            y = Conv<group = {group}, pads = [{taps // 2}, {taps // 2}, {taps // 2}, {taps // 2}]> (x, w) }}""",
        w=np.ones((channels, channels // group, taps, taps)),
    )
    assert kind_of(next(iter(model.graph))) == kind


def test_a_thin_convolution_moves_its_windows(build: Make, weights: Make) -> None:
    """2 x 2 windows of 3 x 1 x 1 numbers and 2 x 2 x 4 results; of a wide one its 2 x 2 x 8 numbers."""
    text = f"graph (float[1, C, 2, 2] x) => (float[1, 4, 2, 2] y) {{ y = Conv<{CONV}> (x, w) }}"
    thin = build(text.replace("C, 2", "3, 2"), w=weights(4, 3, 1, 1))
    wide = build(text.replace("C, 2", "8, 2"), w=weights(4, 8, 1, 1))
    assert work_of(next(iter(thin.graph))) == Work(1, 4 * 4 * 3, 4 * 3 + 16, 12, 4)
    assert work_of(next(iter(wide.graph))) == Work(1, 4 * 4 * 8, 4 * 8 + 16, 32, 4)


def test_an_embedding_moves_what_it_picks(build: Make) -> None:
    model = build("graph (int64[1, 3] i) => (float[1, 3, 5] y) { y = Gather (w, i) }", w=np.ones((100, 5)))
    assert work_of(next(iter(model.graph))) == Work(1, 0, 2 * 15, 0, 0)


def test_what_a_convolution_has_made_is_a_picture_until_it_is_reshaped(build: Make, weights: Make) -> None:
    model = build(
        f"""graph (float[1, 4, 2, 2] x) => (float[4, 4] z) {{
            [before] a = Sigmoid (x)
            [conv] b = Conv<{CONV}> (a, w)
            [act] c = HardSwish (b)
            [add] d = Add (c, x)
            [flat] e = Reshape (d, shape)
            [after] z = Sigmoid (e) }}""",
        w=weights(4, 4, 1, 1), shape=np.array([4, 4]),
    )  # fmt: skip
    assert pictures(model.graph) == {"conv", "act", "add"}
    points = (
        *per_element("sigmoid", "float", 1.0), point("conv_thin", "float", 1.0), point("hardswish", "float", 5.0),
        point("add", "float", 6.0), point("picture_hardswish", "float", 2.0), point("picture_sigmoid", "float", 0.0),
        point("reshape", "float", 0.0),
    )  # fmt: skip
    nodes = predict(model, plan({}), "onnx", table(*points, format_="onnx")).nodes
    assert (nodes["act"], nodes["add"]) == (2.0, 6.0)
    assert nodes["before"] == nodes["after"] == pytest.approx(32.0)


def test_a_change_of_one_value() -> None:
    made = table(*per_element("change", "int8", 0.25))
    assert change_us(100, "tflite", made) == pytest.approx((50.0, 50.0))
    assert change_us(100, "tflite", table(*FIXED)) == (0.0, 0.0)


def test_a_format_that_was_not_measured_is_refused(chain: ir.Model) -> None:
    with pytest.raises(InputError, match=r"no times for \.onnx"):
        predict(chain, plan({}), "onnx", table(*FIXED))
    with pytest.raises(InputError, match="tflite"):
        predict(chain, plan({}), "onx", table(*FIXED))


def test_a_fit_finds_the_shares_that_made_the_points() -> None:
    shares = (2.0, 0.001, 0.01, 0.0, 0.1)
    works = [Work(1, 1000, 200, 50, 4), Work(4, 90_000, 700, 60, 9), Work(2, 5, 7000, 70, 90), Work(3, 9, 9, 900, 9),
             Work(9, 90, 9, 9, 99), Work(1, 7777, 1, 2, 3)]  # fmt: skip
    points = [
        Point("k", "float", work, sum(a * b for a, b in zip(shares, work.parts, strict=True)))
        for work in works
    ]
    curve = fit(points)
    assert curve.shares == pytest.approx(shares, rel=1e-6, abs=1e-9)


def test_multiplications_always_have_a_share() -> None:
    """Points that what is moved alone would fit: a larger kernel takes longer all the same."""
    points = [Point("k", "float", Work(1, 1000 * n, 10 * n, 0, 0), 5.0 * n) for n in (1, 3, 9)]
    assert fit(points).us(Work(1, 90_000, 10, 0, 0)) > 100


def test_the_noise_of_a_measurement_bends_no_curve() -> None:
    """What is nothing at two sizes out of three is no reason to call the third nothing."""
    sizes = (100, 200, 100_000)
    points = [
        Point("k", "float", Work(1, 0, n, 0, 0), us) for n, us in zip(sizes, (0.01, 0.01, 20.0), strict=True)
    ]
    assert fit(points).us(Work(1, 0, 100_000, 0, 0)) == pytest.approx(20.0, rel=0.1)


def test_no_share_is_negative_and_more_work_never_takes_less() -> None:
    falling = [Point("k", "float", Work(1, 100 * n, 10 * n, 0, n), 50.0 / n) for n in (1, 2, 5, 9)]
    curve = fit(falling)
    assert min(curve.shares) >= 0
    small, large = Work(1, 10, 10, 10, 10), Work(1, 10_000, 10_000, 10_000, 10_000)
    assert curve.us(small) <= curve.us(large)


def test_most_of_the_points_say_whether_xnnpack_runs_a_kind() -> None:
    points = [replace(point("k", "int8", 1.0), delegated=flag) for flag in (False, False, True)]
    assert not fit(points).delegated
    assert fit(points[1:]).delegated


@pytest.fixture
def pooled(build: Make, weights: Make) -> ir.Model:
    """conv (its Relu fused), pool, conv."""
    model: ir.Model = build(
        f"""graph (float[1, 4, 4, 4] x) => (float[1, 4, 2, 2] y) {{
            [one] a = Conv<{CONV}> (x, w)
            [relu] b = Relu (a)
            [pool] c = MaxPool<kernel_shape = [2, 2], strides = [2, 2]> (b)
            [two] y = Conv<{CONV}> (c, w) }}""",
        w=weights(4, 4, 1, 1),
    )
    return model


POOLS = (
    point("conv_thin", "float", 20.0), point("conv_thin", "int8", 10.0), point("maxpool", "float", 3.0),
    point("picture_maxpool", "float", 2.0), point("maxpool", "int8", 70.0), point("picture_maxpool", "int8", 1.0),
    *per_element("change", "int8", 0.01),
)  # fmt: skip


@pytest.mark.parametrize(
    ("integers", "pool", "changed"),
    [
        ((), 2.0, 0),
        (("one", "pool", "two"), 1.0, 64 + 16),
        (("two",), 70.0, 64 + 16),  # ONNX Runtime makes integers in front of the pool
        (("pool", "two"), 70.0, 64 + 16),
        (("one",), 2.0, 64 + 64),
        (("one", "two"), 2.0, 64 + 64 + 16 + 16),
    ],
)
def test_a_pool_behind_float_numbers_is_slow_on_integers_and_is_on_them_where_what_follows_is(
    pooled: ir.Model, integers: tuple[str, ...], pool: float, changed: int
) -> None:
    chosen = dict.fromkeys(integers, Precision.INT8)
    found = predict(pooled, plan(chosen), "onnx", table(*POOLS, format_="onnx"))
    assert found.nodes["pool"] == pytest.approx(pool)
    assert found.changes_us == pytest.approx(0.02 * changed)
    in_tflite = predict(pooled, plan({"two": Precision.INT8}), "tflite", table(*POOLS))
    assert in_tflite.nodes["pool"] == pytest.approx(2.0)


def test_a_pool_that_is_an_output_too_stays_as_it_is(build: Make, weights: Make) -> None:
    model = build(
        f"""graph (float[1, 4, 4, 4] x) => (float[1, 4, 2, 2] y, float[1, 4, 2, 2] c) {{
            [one] a = Conv<{CONV}> (x, w)
            [pool] c = MaxPool<kernel_shape = [2, 2], strides = [2, 2]> (a)
            [two] y = Conv<{CONV}> (c, w) }}""",
        w=weights(4, 4, 1, 1),
    )
    found = predict(model, plan({"two": Precision.INT8}), "onnx", table(*POOLS, format_="onnx"))
    assert found.nodes["pool"] == pytest.approx(2.0)
    assert found.changes_us == pytest.approx(0.02 * (16 + 16))


def test_what_a_lone_pool_takes_more(pooled: ir.Model) -> None:
    pool = pooled.graph.node("pool")
    assert lone_pool_us(pool, "onnx", table(*POOLS, format_="onnx")) == pytest.approx(69.0)
    assert lone_pool_us(pool, "tflite", table(*POOLS)) == 0.0
    assert lone_pool_us(pooled.graph.node("one"), "onnx", table(*POOLS, format_="onnx")) == 0.0
