"""Loops and scans are written out; what cannot be is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.converters.passes.control import loops
from edgemm.converters.passes.folding import lift_constants
from edgemm.errors import UnsupportedOperator

X = "float[2,4] x"
STEP = (
    """b (int64 i, bool ci, float[2,4] s) => (bool co, float[2,4] so) { co = Identity(ci) so = Add(s, x) }"""
)
LOOPS = {
    "with the number of the round, and what each round tells": """
        g (float[2,4] x) => (float[2,4] y, float[3,2,4] z) { M = Constant<value_int=3>()
        y, z = Loop<body = b (int64 i, bool ci, float[2,4] s) => (bool co, float[2,4] so, float[2,4] t) {
            co = Identity(ci) f = Cast<to=1>(i) u = Add(s, x) so = Add(u, f) t = Tanh(so) }>(M, , x) }""",
    "until a count is reached": """
        g (float[2,4] x) => (float[2,4] y) { z = Constant<value_int=0>() c = Constant<value = bool {1}>()
        n, y = Loop<body = b (int64 i, bool ci, int64 n, float[2,4] s) => (bool co, int64 no, float[2,4] so) {
            one = Constant<value_int=1>() five = Constant<value_int=5>()
            no = Add(n, one) co = Less(no, five) so = Add(s, x) }>(, c, z, x) }""",
    "in a loop, with a branch on the round": """
        g (float[2,4] x) => (float[2,4] y) { M = Constant<value_int=3>()
        y = Loop<body = b (int64 i, bool ci, float[2,4] s) => (bool co, float[2,4] so) { co = Identity(ci)
            so = Loop<body = b2 (int64 j, bool cj, float[2,4] s2) => (bool co2, float[2,4] so2) {
                co2 = Identity(cj) zero = Constant<value_int=0>() e = Equal(j, zero)
                so2 = If<then_branch = t () => (a) { a = Add(s2, x) },
                         else_branch = e () => (b) { b = Mul(s2, s) }>(e) }>(M, , s) }>(M, , x) }""",
    "that grows": """
        g (float[2,4] x) => (float[8,4] y) { M = Constant<value_int=3>()
        y = Loop<body = b (int64 i, bool ci, float[N,4] s) => (bool co, float[K,4] so) {
            co = Identity(ci) so = Concat<axis=0>(s, x) }>(M, , x) }""",
    "without rounds": f"""
        g ({X}) => (float[2,4] y) {{ M = Constant<value_int=0>() y = Loop<body = {STEP}>(M, , x) }}""",
    "whose branch on the round ends it": """
        g (float[2,4] x) => (float[2,4] y) { M = Constant<value_int=9>()
        y = Loop<body = b (int64 i, bool ci, float[2,4] s) => (bool co, float[2,4] so) {
            two = Constant<value_int=2>() e = Less(i, two) so = Add(s, x)
            co = If<then_branch = t () => (a) { a = Identity(e) },
                    else_branch = f () => (b) { b = Not(ci) }>(e) }>(M, , x) }""",
}


@pytest.mark.parametrize("form", LOOPS)
def test_a_loop_is_written_out(agree: Any, graph: Any, rng: Any, form: str) -> None:
    agree(graph(LOOPS[form]), {"x": rng.standard_normal((2, 4)).astype(np.float32)})


@pytest.mark.parametrize(
    ("attributes", "told"), [("", "float[5,3]"), ("scan_output_axes=[1],", "float[3,5]"),
                             ("scan_output_directions=[1], scan_input_directions=[1],", "float[5,3]")]
)  # fmt: skip
def test_a_scan_is_written_out(agree: Any, graph: Any, rng: Any, attributes: str, told: str) -> None:
    proto = graph(f"""g (float[5,3] x, float[3] h) => (float[3] y, {told} z) {{
        y, z = Scan<num_scan_inputs=1, {attributes} body = b (float[3] s, float[3] e) => (float[3] so, float[3] t) {{
            u = Add(s, e) so = Tanh(u) t = Mul(so, e) }}>(h, x) }}""")
    agree(proto, {"x": rng.standard_normal((5, 3)).astype(np.float32), "h": np.ones(3, np.float32)})


def test_a_scan_goes_over_another_axis(agree: Any, graph: Any, rng: Any) -> None:
    proto = graph("""g (float[3,5] x, float[3] h) => (float[3] y) {
        y = Scan<num_scan_inputs=1, scan_input_axes=[1], body = b (float[3] s, float[3] e) => (float[3] so) {
            so = Add(s, e) }>(h, x) }""")
    agree(proto, {"x": rng.standard_normal((3, 5)).astype(np.float32), "h": np.ones(3, np.float32)})


CELL = """g (float[5,2,3] x, float[2,4] h) => (float[2,4] y, float[5,2,4] z) {{
    y, z = Scan<num_scan_inputs=1{more}, body = b (float[2,4] s, float[2,3] e) => (float[2,4] so, float[2,4] t) {{
        {step} t = Identity(so) }}>(h, x) }}"""
STEPS = {
    "two products": "u = MatMul(e, W) v = MatMul(s, R) a = Add(u, v) c = Add(a, B) so = Tanh(c)",
    "two layers": "u = Gemm<transB=1>(e, T, B) v = Gemm(s, R, B) a = Add(v, u) so = Relu(a)",
    "a turned matrix": "w = Transpose<perm=[1,0]>(T) u = MatMul(e, w) v = MatMul(s, R) a = Add(u, v) so = Tanh(a)",
    "a state as it is": "u = MatMul(e, W) a = Add(s, u) so = Tanh(a)",
}
BACK = ", scan_input_directions=[1], scan_output_directions=[1]"


def cell_constants(rng: Any) -> dict[str, Any]:
    shapes = {"W": (3, 4), "T": (4, 3), "R": (4, 4), "B": (4,)}
    return {name: rng.normal(0, 0.6, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("more", ["", BACK])
@pytest.mark.parametrize("form", STEPS)
def test_a_scan_of_a_plain_cell_stays_a_loop(
    agree: Any, graph: Any, operators: Any, rng: Any, form: str, more: str
) -> None:
    proto = graph(CELL.format(step=STEPS[form], more=more), **cell_constants(rng))
    assert "RNN" in operators(proto)
    feeds = {
        name: rng.standard_normal(shape).astype(np.float32)
        for name, shape in (("x", (5, 2, 3)), ("h", (2, 4)))
    }
    agree(proto, feeds)


def test_a_cell_without_a_batch_stays_a_loop_of_any_length(
    graph: Any, operators: Any, rng: Any, agree: Any
) -> None:
    proto = graph("""g (float[2000,4] x, float[4] h) => (float[4] y) {
        y = Scan<num_scan_inputs=1, body = b (float[4] s, float[4] e) => (float[4] so) {
            v = MatMul(s, R) a = Add(v, e) so = Tanh(a) }>(h, x) }""", R=cell_constants(rng)["R"])  # fmt: skip
    assert operators(proto).count("RNN") == 1
    agree(proto, {"x": rng.standard_normal((2000, 4)).astype(np.float32), "h": np.zeros(4, np.float32)})


OTHER_CELLS = {
    "another function": "u = MatMul(e, W) v = MatMul(s, R) a = Add(u, v) so = Sigmoid(a)",
    "a difference": "u = MatMul(e, W) v = MatMul(s, R) a = Sub(u, v) so = Tanh(a)",
    "a factor": "u = Gemm<alpha=2.0>(e, W) v = MatMul(s, R) a = Add(u, v) so = Tanh(a)",
    "the state twice": "u = MatMul(e, W) v = MatMul(s, R) a = Add(u, v) c = Add(a, s) so = Tanh(c)",
    "no state": "u = MatMul(e, W) so = Tanh(u)",
    "something from outside": "u = MatMul(e, W) v = MatMul(s, R) a = Add(u, v) c = Add(a, h) so = Tanh(c)",
}


@pytest.mark.parametrize("form", OTHER_CELLS)
def test_another_cell_is_written_out(agree: Any, graph: Any, operators: Any, rng: Any, form: str) -> None:
    proto = graph(CELL.format(step=OTHER_CELLS[form], more=""), **cell_constants(rng))
    assert "RNN" not in operators(proto)
    feeds = {
        name: rng.standard_normal(shape).astype(np.float32)
        for name, shape in (("x", (5, 2, 3)), ("h", (2, 4)))
    }
    agree(proto, feeds)


def test_a_cell_that_tells_another_value_or_order_is_written_out(
    agree: Any, graph: Any, operators: Any, rng: Any
) -> None:
    for old, new in ((" t = Identity(so)", " t = Identity(a)"), ("{more}", ", scan_output_directions=[1]")):
        text = CELL.replace(old, new).format(step=STEPS["two layers"], more="")
        proto = graph(text, **cell_constants(rng))
        assert "RNN" not in operators(proto)
        agree(
            proto, {"x": rng.standard_normal((5, 2, 3)).astype(np.float32), "h": np.ones((2, 4), np.float32)}
        )


REFUSED = {
    "the number of rounds depends on the inputs": f"""
        g ({X}, int64 M) => (float[2,4] y) {{ y = Loop<body = {STEP}>(M, , x) }}""",
    "its condition depends on the inputs": """
        g (float[2,4] x) => (float[2,4] y) { M = Constant<value_int=4>()
        y = Loop<body = b (int64 i, bool ci, float[2,4] s) => (bool co, float[2,4] so) {
            so = Add(s, x) m = ReduceMax<keepdims=0>(so)
            k = Constant<value_float=5.0>() co = Less(m, k) }>(M, , x) }""",
    "its condition depends on the inputs ": """
        g (float[2,4] x) => (float[2,4] y) { c = Constant<value = bool {1}>()
        y = Loop<body = b (int64 i, bool ci, float[2,4] s) => (bool co, float[2,4] so) {
            so = Add(s, x) m = ReduceMax<keepdims=0>(so)
            k = Constant<value_float=5.0>() co = Less(m, k) }>(, c, x) }""",
    "more than 1024 rounds or 4096 nodes": f"""
        g ({X}) => (float[2,4] y) {{ M = Constant<value_int=5000>() y = Loop<body = {STEP}>(M, , x) }}""",
    "never ends": f"""
        g ({X}) => (float[2,4] y) {{ c = Constant<value = bool {{1}}>() y = Loop<body = {STEP}>(, c, x) }}""",
    "(If): its condition depends": """
        g (float[2,4] x, bool c) => (float[2,4] y) {
        y = If<then_branch = t () => (a) { a = Exp(x) }, else_branch = e () => (b) { b = Abs(x) }>(c) }""",
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_depends_on_data_is_refused_by_name(operators: Any, graph: Any, reason: str) -> None:
    words = "more than 1024" if reason == "never ends" else reason.strip()
    with pytest.raises(UnsupportedOperator) as told:
        operators(graph(REFUSED[reason]))
    assert words in str(told.value)
    assert "_y'" in str(told.value)


def test_a_refused_loop_leaves_nothing_behind(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ir.from_proto(graph(LOOPS["with the number of the round, and what each round tells"]))
    lift_constants(model)
    monkeypatch.setattr(loops, "MAX_ROUNDS", 2)
    assert loops.unroll_loops(model) == 0
    assert [node.op_type for node in model.graph] == ["Loop"]


def test_what_a_body_says_of_its_shapes_is_not_believed(operators: Any, graph: Any) -> None:
    """It grows by two rows each round, whatever is written down: nobody knows here when it has eight."""
    proto = graph("""g (float[2,4] x) => (float[N,4] y) { M = Constant<value_int=9>()
        y = Loop<body = b (int64 i, bool ci, float[N,4] s) => (bool co, float[K,4] so) <float[4,4] t> {
            t = Concat<axis=0>(s, x) so = Identity(t) h = Shape<start=0, end=1>(t) z = Constant<value_ints=[0]>()
            rows = Squeeze(h, z) eight = Constant<value_int=8>() co = Less(rows, eight) }>(M, , x) }""")
    with pytest.raises(UnsupportedOperator, match="its condition depends"):
        operators(proto)
