from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.errors import UnsupportedOperator


def test_nodes_that_change_nothing_go(build: Any, canonical: Any, operators: Any) -> None:
    text = """g (float[4] x) => (float[4] y) {
        a = Identity(x) b = Dropout(a) c = Cast<to=1>(b) d = Relu(c) y = Identity(d)
    }"""
    assert operators(canonical(build(text))) == ["Relu"]


def test_a_cast_to_another_type_stays(build: Any, canonical: Any, operators: Any) -> None:
    text = "g (float[4] x) => (float[4] y) { a = Cast<to=6>(x) y = Cast<to=1>(a) }"
    assert operators(canonical(build(text))) == ["Cast", "Cast"]


def test_dropout_in_training_is_refused(build: Any, canonical: Any) -> None:
    text = "g (float[4] x) => (float[4] y) { y = Dropout(x, ratio, training) }"
    with pytest.raises(UnsupportedOperator, match="training"):
        canonical(build(text, ratio=np.float32(0.5), training=np.array(True)))


@pytest.mark.parametrize("body", ["y = Identity(x)", "r = Relu(x) y = Identity(r) z = Identity(r)"])
def test_an_output_that_is_only_a_copy_is_a_reshape(
    build: Any, canonical: Any, operators: Any, body: str
) -> None:
    outputs = "float[4] y, float[4] z" if "z =" in body else "float[4] y"
    assert "Reshape" in operators(canonical(build(f"g (float[4] x) => ({outputs}) {{ {body} }}")))
