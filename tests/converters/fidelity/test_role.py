"""What an output means, read from the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.converters.fidelity import Role, parts_of, roles_of

Build = Callable[..., ir.Model]
I64 = np.int64


def weights(*shape: int) -> Any:
    return np.random.default_rng(list(shape)).normal(size=shape)


def role(model: ir.Model, task: str | None = None) -> Role:
    (found,) = roles_of(model, task).values()
    return found


@pytest.mark.parametrize(
    ("shape", "axis"),
    [("[1,8]", -1), ("[1,5,8]", -1), ("[1,8,4,4]", -3), ("[1,8,4,4]", -2)],
    ids=["rows", "steps", "pixels", "columns"],
)
@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_a_final_softmax_makes_classes_of_its_axis(build: Build, op: str, shape: str, axis: int) -> None:
    model = build(f"(float{shape} x) => (float{shape} y) {{ y = {op} <axis={axis}> (x) }}")
    assert role(model).class_axis == axis


def test_classes_are_followed_through_what_moves_them(build: Build) -> None:
    text = """(float[1,8,4,4] x) => (float[1,16,8] y)
    { a = Softmax <axis=1> (x)  b = Reshape (a, s)  y = Transpose <perm=[0,2,1]> (b) }"""
    assert role(build(text, s=np.array([1, 8, 16], I64))).class_axis == -1


def test_a_softmax_over_rows_that_are_put_back_into_samples(build: Build) -> None:
    text = """(float[1,6,2] x) => (float[1,6,2] y)
    { a = Reshape (x, s)  b = Softmax <axis=-1> (a)  y = Reshape (b, t) }"""
    model = build(text, s=np.array([6, 2], I64), t=np.array([1, 6, 2], I64))
    assert role(model).class_axis == -1


def test_levels_of_anchors_keep_their_classes(build: Build) -> None:
    text = """(float[1,6,3] a, float[1,9,3] b) => (float[1,15,3] y)
    { p = Softmax <axis=-1> (a)  q = Softmax <axis=-1> (b)  y = Concat <axis=1> (p, q) }"""
    assert role(build(text)) == Role(class_axis=-1, channel_axis=-1, bounded=True)


def test_attention_inside_makes_no_classes(build: Build) -> None:
    text = """(float[1,4,8] x) => (float[1,4,8] y)
    { t = Transpose <perm=[0,2,1]> (x)  s = MatMul (x, t)  a = Softmax <axis=-1> (s)  y = MatMul (a, x) }"""
    assert role(build(text)).class_axis is None


@pytest.mark.parametrize("op", ["Relu", "Neg"])
def test_what_is_computed_behind_a_softmax_is_numbers(build: Build, op: str) -> None:
    model = build(f"(float[1,8] x) => (float[1,8] y) {{ a = Softmax (x)  y = {op} (a) }}")
    assert role(model).class_axis is None


def test_the_logarithm_of_probabilities_orders_the_classes_alike(build: Build) -> None:
    assert role(build("(float[1,8] x) => (float[1,8] y) { a = Softmax (x)  y = Log (a) }")).class_axis == -1


def test_without_the_background_the_best_of_the_rest_is_no_class(build: Build) -> None:
    text = "(float[1,6,8] x) => (float[1,6,7] y) { a = Softmax <axis=-1> (x)  y = Slice (a, s, e, d) }"
    found = role(build(text, s=np.array([1], I64), e=np.array([8], I64), d=np.array([2], I64)))
    assert found.class_axis is None
    assert found.bounded


@pytest.mark.parametrize("task", ["classification", "keyword"])
def test_a_classifier_needs_no_softmax(build: Build, task: str) -> None:
    model = build("(float[1,4] x) => (float[1,8] y) { y = MatMul (x, w) }", w=weights(4, 8))
    assert role(model, task).class_axis == -1
    assert role(model, "tensors").class_axis is None
    assert role(model).class_axis is None


def test_what_a_classifier_gives_besides_its_softmax_is_numbers(build: Build) -> None:
    text = """(float[1,4] x) => (float[1,8] y, float[1,8] h) { h = MatMul (x, w)  y = Softmax (h) }"""
    found = roles_of(build(text, w=weights(4, 8)), "keyword")
    assert (found["y"].class_axis, found["h"].class_axis) == (-1, None)


def test_states_are_numbers(build: Build) -> None:
    text = "(float[1,4] x) => (float[1,8] y, float[1,4] h) { y = MatMul (x, w)  h = Tanh (x) }"
    found = roles_of(build(text, w=weights(4, 8)), "keyword", states=["h"])
    assert (found["y"].class_axis, found["h"].class_axis) == (-1, None)


def test_numbers_of_classes_and_numbers_of_positions(build: Build) -> None:
    text = """(float[1,3,8,8] x) => (int64[1,1,8,8] c, int64[1,5,1,8] p)
    { a = Conv (x, w)  c = ArgMax <axis=1> (a)  p = ArgMax <axis=2> (a) }"""
    found = roles_of(build(text, w=weights(5, 3, 1, 1)))
    assert (found["c"].class_numbers, found["p"].class_numbers) == (True, False)


HEAD = """(float[1,8,4,4] x) => (float[1,7,16] y) {
  b = Conv (x, wb)  c = Conv (x, wc)  t = Reshape (b, sb)  u = Reshape (c, sc)
  p = Mul (t, stride)  q = Sigmoid (u)  y = Concat <axis=1> (p, q) }"""


def head() -> dict[str, Any]:
    """Of a detector: four rows of boxes in pixels, three rows of scores."""
    return {
        "wb": weights(4, 8, 1, 1), "wc": weights(3, 8, 1, 1), "sb": np.array([1, 4, 16], I64),
        "sc": np.array([1, 3, 16], I64), "stride": np.full((1, 1, 16), 32.0),
    }  # fmt: skip


def test_what_a_concat_joins_along_channels_are_parts(build: Build) -> None:
    found = role(build(HEAD, **head()))
    assert found.part_axis == -2
    assert [(part.indices, part.bounded) for part in found.parts] == [
        ((0, 1, 2, 3), False),
        ((4, 5, 6), True),
    ]


def test_parts_are_followed_through_a_transpose_and_a_slice(build: Build) -> None:
    text = HEAD.replace("float[1,7,16] y", "float[1,16,4] y").replace("y = Concat", "z = Concat")
    text = text.replace(" }", " v = Slice (z, s, e, d)  y = Transpose <perm=[0,2,1]> (v) }")
    ends = {"s": np.array([2], I64), "e": np.array([6], I64), "d": np.array([1], I64)}
    found = role(build(text, **head(), **ends))
    assert found.part_axis == -1
    assert [part.indices for part in found.parts] == [(0, 1), (2, 3)]


def test_parts_within_each_level_are_the_same_parts(build: Build) -> None:
    """Boxes and scores are joined per level, then the levels: YOLOv5's order."""
    level = "a{0} = Conv (x{0}, wb)  b{0} = Conv (x{0}, wc)  c{0} = Sigmoid (b{0})  d{0} = Concat <axis=1> (a{0}, c{0})"
    text = f"""(float[1,8,4,4] x0, float[1,8,2,2] x1) => (float[1,7,20] y) {{
      {level.format(0)} {level.format(1)} e0 = Reshape (d0, s)  e1 = Reshape (d1, s)  y = Concat <axis=2> (e0, e1) }}"""
    found = role(build(text, wb=weights(4, 8, 1, 1), wc=weights(3, 8, 1, 1), s=np.array([1, 7, -1], I64)))
    assert [(part.indices, part.bounded) for part in found.parts] == [
        ((0, 1, 2, 3), False),
        ((4, 5, 6), True),
    ]


def test_levels_are_no_parts(build: Build) -> None:
    level = "a{0} = Conv (x{0}, w)  b{0} = Transpose <perm=[0,2,3,1]> (a{0})  c{0} = Reshape (b{0}, s)"
    text = f"""(float[1,8,4,4] x0, float[1,8,2,2] x1) => (float[1,20,4] y) {{
      {level.format(0)} {level.format(1)} y = Concat <axis=1> (c0, c1) }}"""
    found = role(build(text, w=weights(4, 8, 1, 1), s=np.array([1, -1, 4], I64)))
    assert found.parts == ()
    assert found.channel_axis == -1


def test_features_that_were_joined_are_of_one_kind(build: Build) -> None:
    text = """(float[1,8,4,4] x) => (float[1,7,4,4] y)
    { a = Conv (x, wb)  b = Conv (x, wc)  c = Concat <axis=1> (a, b)  y = Relu (c) }"""
    model = build(text, wb=weights(4, 8, 1, 1), wc=weights(3, 8, 1, 1))
    assert parts_of(model) == {"y": ()}
    assert role(model).channel_axis is None


def test_steps_of_a_sequence_are_no_parts(build: Build) -> None:
    steps = " ".join(f'a{i} = Einsum <equation="btc,cd->btd"> (x{i}, w)' for i in range(12))
    inputs = ", ".join(f"float[1,1,4] x{i}" for i in range(12))
    joined = ", ".join(f"a{i}" for i in range(12))
    text = f"({inputs}) => (float[1,12,8] y) {{ {steps} y = Concat <axis=1> ({joined}) }}"
    assert parts_of(build(text, w=weights(4, 8))) == {"y": ()}


def test_scores_of_two_heads_joined_are_parts_not_classes(build: Build) -> None:
    text = """(float[1,8] x) => (float[1,7] y)
    { a = MatMul (x, v)  b = MatMul (x, w)  p = Softmax (a)  q = Softmax (b)  y = Concat <axis=1> (p, q) }"""
    found = role(build(text, v=weights(8, 3), w=weights(8, 4)))
    assert found.class_axis is None
    assert [part.bounded for part in found.parts] == [True, True]


def test_scores_times_a_probability_lie_in_0_to_1_still(build: Build) -> None:
    text = """(float[1,6,5] x, float[1,6,1] o) => (float[1,6,5] y)
    { a = Sigmoid (x)  b = Sigmoid (o)  y = Mul (a, b) }"""
    assert role(build(text)).bounded
    assert not role(build(text.replace("b = Sigmoid (o)", "b = Exp (o)"))).bounded
    assert not role(build(text.replace("Mul", "Add"))).bounded
