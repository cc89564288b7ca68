from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.mark.parametrize(
    ("form", "constants"),
    [
        ("Flatten<axis=1>(r)", {}),
        ("Reshape(r, sizes)", {"sizes": np.array([0, -1])}),
        ("Reshape<allowzero=0>(r, sizes)", {"sizes": np.array([1, 12])}),
    ],
)
def test_every_way_to_rename_dimensions_is_a_reshape_to_explicit_sizes(
    build: Any, canonical: Any, operators: Any, form: str, constants: Any
) -> None:
    text = f"g (float[1,3,2,2] x) => (float[1,12] y) {{ r = Relu(x) y = {form} }}"
    model = canonical(build(text, **constants))
    assert operators(model) == ["Relu", "Reshape"]
    assert list(model.graph[1].inputs[1].const_value.numpy()) == [1, 12]


def test_squeeze_and_unsqueeze_that_cancel_go(build: Any, canonical: Any, operators: Any) -> None:
    text = """g (float[1,3,2] x) => (float[1,3,2] y) {
        r = Relu(x) s = Squeeze(r, zero) u = Unsqueeze(s, zero) y = Tanh(u)
    }"""
    assert operators(canonical(build(text, zero=np.array([0])))) == ["Relu", "Tanh"]


def test_consecutive_reshapes_are_merged(build: Any, canonical: Any, operators: Any) -> None:
    text = """g (float[2,6] x) => (float[3,4] y) {
        r = Relu(x) s = Reshape(r, a) y = Reshape(s, b)
    }"""
    assert operators(canonical(build(text, a=np.array([12]), b=np.array([3, 4])))) == ["Relu", "Reshape"]


def test_sizes_that_are_computed_from_the_shape_are_folded(
    build: Any, canonical: Any, operators: Any
) -> None:
    text = """g (float[1,3,2,2] x) => (float[1,12] y) {
        r = Relu(x) s = Shape(r) b = Gather(s, zero) u = Unsqueeze(b, axis) t = Concat<axis=0>(u, rest)
        y = Reshape(r, t)
    }"""
    source = build(text, zero=np.array(0), axis=np.array([0]), rest=np.array([-1]))
    assert operators(canonical(source)) == ["Relu", "Reshape"]
