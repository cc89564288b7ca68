"""Branches whose condition is known are taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.converters.importers.input_shapes import set_inputs
from edgemm.converters.passes import canonicalize
from edgemm.errors import InputError, UnsupportedOperator

BRANCHES = """
    y = If<
        then_branch = t () => (a) { k = Constant<value_float=2.0>()  m = Mul(x, k)  a = Relu(m) },
        else_branch = e () => (b) { b = Identity(x) }>(flag)
"""


@pytest.mark.parametrize(("flag", "found"), [(True, ["Mul", "Relu"]), (False, ["Reshape"])])
def test_a_known_branch_is_taken(
    build: Any,
    canonical: Any,
    operators: Any,
    flag: bool,
    found: list[str],
) -> None:
    model = canonical(build(f"g (float[4] x) => (float[4] y) {{ {BRANCHES} }}", flag=np.array(flag)))
    assert operators(model) == found


def test_a_condition_on_shapes_is_known(build: Any, canonical: Any, operators: Any) -> None:
    text = f"""g (float[4] x) => (float[4] y) {{
        s = Shape(x)  four = Constant<value_ints=[4]>()  f = Equal(s, four)  axes = Constant<value_ints=[0]>()
        flag = Squeeze(f, axes) {BRANCHES} }}"""
    assert operators(canonical(build(text))) == ["Mul", "Relu"]


def test_an_input_that_is_set_decides(build: Any, operators: Any) -> None:
    model: ir.Model = build(f"""g (float[4] x, int64 rate) => (float[4] y) {{
        high = Constant<value_int=16000>()  flag = Equal(rate, high) {BRANCHES} }}""")
    with pytest.raises(UnsupportedOperator, match="--set"):
        canonicalize(model.clone())
    set_inputs(model, {"rate": 16000})
    canonicalize(model)
    assert operators(model) == ["Mul", "Relu"]
    assert [value.name for value in model.graph.inputs] == ["x"]


def test_an_input_that_is_not_there_cannot_be_set(build: Any) -> None:
    with pytest.raises(InputError, match="no such input; it has x"):
        set_inputs(build("g (float[4] x) => (float[4] y) { y = Relu(x) }"), {"rate": 1})
