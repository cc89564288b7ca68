"""Where a grid cuts something off there is a Clip, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.converters.passes import canonicalize
from edgemm.quantize.declared import declared

WEIGHT = np.random.default_rng(0).standard_normal((4, 3, 1, 1)).astype(np.float32)


def behind(build: Any, nodes: str, scale: float, zero: int, **constants: Any) -> list[str]:
    """Operators between what `nodes` make of x (as v) and the output, with a pair on that grid behind v."""
    text = f"""g (float[1,3,4,4] x) => (float[1,4,4,4] y) {{
        c = Conv(x, w) {nodes}
        q = QuantizeLinear(v, s, z)  d = DequantizeLinear(q, s, z)  y = Neg(d) }}"""
    model = build(text, w=WEIGHT, s=np.float32(scale), z=np.uint8(zero), **constants)
    canonicalize(model)
    grid = declared(model.graph[-1].inputs[0])
    assert grid is not None
    assert grid.step == np.float32(scale)
    assert (grid.low, grid.high) == pytest.approx((-zero * scale, (255 - zero) * scale))
    return [node.op_type for node in model.graph][1:-1]


@pytest.mark.parametrize(
    ("nodes", "scale", "zero", "expected"),
    [
        ("v = Identity(c)", 0.02, 128, ["Clip"]),
        ("v = Add(c, c)", 0.02, 0, ["Add", "Relu", "Clip"]),  # the Relu that a quantizer took away
        ("v = Neg(c)", 0.02, 0, ["Neg", "Clip"]),  # nothing that computes a Relu itself
        ("v = Identity(c)", 6 / 255, 0, ["Clip"]),  # ReLU6
        ("v = Relu(c)", 0.02, 0, ["Relu", "Clip"]),
        ("v = Sigmoid(c)", 1 / 256, 0, ["Sigmoid"]),
        ("v = Sigmoid(c)", 1 / 512, 0, ["Sigmoid", "Clip"]),
        ("v = Sigmoid(c)", 1 / 258, 0, ["Sigmoid", "Clip"]),  # ends three steps before 1
        ("a = Sigmoid(c)  v = Identity(a)", 1 / 255, 0, ["Sigmoid"]),
        ("v = Softmax<axis=1>(c)", 1 / 255, 0, ["Softmax"]),
        ("v = Tanh(c)", 1 / 128, 128, ["Tanh"]),
        ("v = Tanh(c)", 1 / 128, 0, ["Tanh", "Relu"]),
        ("a = Sigmoid(c)  v = Mul(a, a)", 1 / 255, 0, ["Sigmoid", "Mul"]),
        ("a = Sigmoid(c)  v = Add(a, a)", 1 / 255, 0, ["Sigmoid", "Add", "Clip"]),
        ("a = Sigmoid(c)  v = Sub(a, a)", 1 / 255, 128, ["Sigmoid", "Sub", "Clip"]),
        ("a = Sigmoid(c)  v = Pad(a, pads, five)", 1 / 255, 0, ["Sigmoid", "Pad", "Clip"]),
        ("a = Sigmoid(c)  v = Where(yes, a, five)", 1 / 255, 0, ["Sigmoid", "Where", "Clip"]),
        (
            "a = Sigmoid(c)  v = Resize<mode='cubic'>(a, , times)",
            1 / 255,
            0,
            ["Sigmoid", "Resize", "Clip"],
        ),
        ("a = Sigmoid(c)  v = Resize<mode='linear'>(a, , times)", 1 / 255, 0, ["Sigmoid", "Resize"]),
    ],
)
def test_a_clip_stands_where_the_grid_can_cut(
    build: Any, nodes: str, scale: float, zero: int, expected: list[str]
) -> None:
    constants = {
        "pads": np.zeros(8, np.int64),
        "five": np.float32(5),
        "yes": np.arange(4) % 2 == 0,
        "times": np.ones(4, np.float32),
    }
    if "Pad" in nodes:
        constants["pads"] = np.array([0, 0, 1, 0, 0, 0, -1, 0])
    nodes = nodes.replace("'", '"')
    used = {name: array for name, array in constants.items() if name in nodes}
    assert [each for each in behind(build, nodes, scale, zero, **used) if each != "Slice"] == expected


def test_a_pool_behind_its_own_grid_needs_no_second_clip(build: Any, operators: Any) -> None:
    text = """g (float[1,3,4,4] x) => (float[1,4,2,2] y) { c = Conv(x, w)
        q = QuantizeLinear(c, s, z)  d = DequantizeLinear(q, s, z)
        m = MaxPool<kernel_shape=[2,2], strides=[2,2]>(d)
        r = QuantizeLinear(m, s, z)  y = DequantizeLinear(r, s, z) }"""
    model = build(text, w=WEIGHT, s=np.float32(0.02), z=np.uint8(100))
    canonicalize(model)
    assert operators(model) == ["Conv", "Clip", "MaxPool"]
    assert declared(model.graph.outputs[0]) == declared(model.graph[1].outputs[0])


def test_two_readers_of_one_grid_share_a_clip(build: Any, operators: Any) -> None:
    text = """g (float[1,3,4,4] x) => (float[1,4,4,4] y) { c = Conv(x, w)
        q = QuantizeLinear(c, s, z)  d = DequantizeLinear(q, s, z)  a = Neg(d)
        r = QuantizeLinear(c, s, z)  e = DequantizeLinear(r, s, z)  y = Add(a, e) }"""
    model = build(text, w=WEIGHT, s=np.float32(0.02), z=np.uint8(100))
    canonicalize(model)
    assert operators(model) == ["Conv", "Clip", "Neg", "Add"]


def test_a_grid_stays_on_what_takes_the_place_of_its_value(build: Any) -> None:
    text = """g (float[1,3,4,4] x) => (float[1,64] y) { c = Conv(x, w)  a = Sigmoid(c)  f = Flatten(a)
        q = QuantizeLinear(f, s, z)  d = DequantizeLinear(q, s, z)  y = Neg(d) }"""
    model = build(text, w=WEIGHT, s=np.float32(1 / 255), z=np.uint8(0))
    canonicalize(model)
    assert [node.op_type for node in model.graph] == ["Conv", "Sigmoid", "Reshape", "Neg"]
    assert declared(model.graph[2].outputs[0]) is not None


def test_an_integer_pad_without_a_fill_writes_the_integer_zero(build: Any, canonical: Any) -> None:
    text = """g (float[1,3,4,4] x) => (float[1,3,6,4] y) {
        q = QuantizeLinear(x, s, z)  p = Pad(q, pads)  y = DequantizeLinear(p, s, z) }"""
    sizes = np.array([0, 0, 1, 0, 0, 0, 1, 0])
    canonical(build(text, s=np.float32(0.02), z=np.uint8(100), pads=sizes), tolerance=0.0101)


def test_integers_that_only_move_are_numbers_that_move(build: Any, canonical: Any, operators: Any) -> None:
    """The Pad writes the integer 3, which stands for (3 - 100) / 50."""
    text = """g (float[1,3,4,4] x) => (float[1,96] y) {
        q = QuantizeLinear(x, s, z)  p = Pad(q, pads, fill)
        m = MaxPool<kernel_shape=[2,2], strides=[1,1]>(p)  t = Transpose<perm=[0,2,3,1]>(m)
        f = Reshape(t, sizes)  c = Concat<axis=1>(f, f)  y = DequantizeLinear(c, s, z) }"""
    model = build(
        text.replace("96", "120"),
        s=np.float32(0.02),
        z=np.uint8(100),
        pads=np.array([0, 0, 1, 1, 0, 0, 1, 0]),
        fill=np.uint8(3),
        sizes=np.array([1, 60]),
    )
    canonical(model, tolerance=0.0101)  # half a step of rounding
    copy = model.clone()
    canonicalize(copy)
    assert operators(copy) == ["Clip", "Pad", "MaxPool", "Transpose", "Reshape", "Concat"]


def test_grids_stay_when_a_graph_is_made_canonical_again(build: Any) -> None:
    text = """g (float[2,6] x) => (float[2,4] y) {
        q = QuantizeLinear(x, s, z)  d = DequantizeLinear(q, s, z)  i = Identity(d)
        m = MatMul(i, w)  r = QuantizeLinear(m, t, z)  e = DequantizeLinear(r, t, z)  y = Dropout(e) }"""
    model = build(
        text,
        s=np.float32(0.03),
        t=np.float32(0.07),
        z=np.uint8(5),
        w=np.ones((6, 4), np.float32),
    )
    canonicalize(model)
    canonicalize(model)
    told = [declared(node.outputs[0]) for node in model.graph if node.op_type == "Clip"]
    assert [each.step if each else None for each in told] == [np.float32(0.03), np.float32(0.07)]
