from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.converters.passes import folding
from edgemm.errors import ConversionError


def test_what_is_computed_from_constants_becomes_one(build: Any, canonical: Any, operators: Any) -> None:
    text = """g (float[2] x) => (float[2] y) {
        c = Constant<value = float[2] {1.0, 2.0}>() d = Mul(c, two) e = Sqrt(d) y = Add(x, e)
    }"""
    assert operators(canonical(build(text, two=np.float32(2)))) == ["Add"]


def test_every_output_of_a_folded_node_is_kept(build: Any, canonical: Any, operators: Any) -> None:
    text = """g (float[2] x) => (float[2] y) {
        a, b = Split<axis=0>(four, sizes) c = Sub(a, b) y = Add(x, c)
    }"""
    source = build(text, four=np.arange(4, dtype=np.float32), sizes=np.array([2, 2]))
    assert operators(canonical(source)) == ["Add"]


def test_random_numbers_are_not_folded(build: Any) -> None:
    model = build("g (float[2] x) => (float[2] y) { r = RandomNormal<shape=[2]>() y = Add(x, r) }")
    assert folding.fold_constants(model) == 0


def test_a_constant_of_gigabytes_is_refused_before_it_is_computed(build: Any, canonical: Any) -> None:
    text = "g (float[2] x) => (float[n] y) { c = ConstantOfShape(size) s = ReduceSum(c) y = Add(x, s) }"
    with pytest.raises(ConversionError, match="limit"):
        canonical(build(text, size=np.array([2**40])))


def test_a_row_beyond_a_constant_table_asks_after_the_shape(build: Any, canonical: Any) -> None:
    text = "g (float[2, 3] x) => (float[n, 3] y) { r = Gather(table, rows) y = Add(x, r) }"
    source = build(text, table=np.ones((4, 3), np.float32), rows=np.array([3, 4]))
    with pytest.raises(ConversionError, match=r"Gather of constants .* larger than the model was made for"):
        canonical(source)


def test_initializers_are_no_inputs(build: Any, canonical: Any) -> None:
    source = build("g (float[2] x, float[2] c) => (float[2] y) { y = Add(x, c) }", c=np.ones(2, np.float32))
    assert [value.name for value in canonical(source).graph.inputs] == ["x"]
