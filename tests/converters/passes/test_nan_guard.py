from __future__ import annotations

from typing import Any

import numpy as np
import pytest

TRI = np.triu(np.ones((4, 4), bool), 1)
GUARDED = "p = Softmax(a) n = IsNaN(p) y = Where(n, zero, p) }"
MASKS = {
    "added": "a = Add(s, m)",
    "chosen": "a = Where(t, inf, s)",
    "scaled first": "b = Mul(s, c) a = Add(b, m)",
    "none": "a = Div(s, c)",
}


def guarded(build: Any, mask: str, hidden: Any = TRI, inputs: str = "float[4, 8] x") -> Any:
    text = f"g ({inputs}) => (float[4, 4] y) {{ s = MatMul(x, w) {mask} {GUARDED}"
    return build(
        text,
        w=np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32),
        m=np.where(hidden, -np.inf, 0).astype(np.float32),
        t=hidden,
        inf=np.float32(-np.inf),
        c=np.float32(2),
        zero=np.float32(0),
    )


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_a_guard_that_never_sees_nan_goes(build: Any, canonical: Any, operators: Any, mask: str) -> None:
    assert "IsNaN" not in operators(canonical(guarded(build, mask)))


@pytest.mark.parametrize("mask", [MASKS["added"], MASKS["chosen"]])
def test_a_row_that_is_hidden_as_a_whole_keeps_its_guard(
    build: Any, canonical: Any, operators: Any, mask: str
) -> None:
    hidden = TRI.copy()
    hidden[2] = True
    assert "IsNaN" in operators(canonical(guarded(build, mask, hidden)))


@pytest.mark.parametrize(
    ("mask", "inputs"),
    [
        ("a = Add(s, extra)", "float[4, 8] x, float[4, 4] extra"),
        ("b = Log(s) a = Add(b, m)", "float[4, 8] x"),
        ("b = Mul(s, zero) e = Div(s, b) a = Add(e, m)", "float[4, 8] x"),
        ("b = Div(s, zero) a = Add(b, m)", "float[4, 8] x"),
        ("b = Add(s, m) a = Mul(b, zero)", "float[4, 8] x"),
    ],
    ids=["a mask from outside", "a logarithm", "a division by what may be 0", "by 0", "infinity times 0"],
)
def test_scores_that_may_not_be_finite_keep_their_guard(
    build: Any, canonical: Any, operators: Any, mask: str, inputs: str
) -> None:
    assert "IsNaN" in operators(canonical(guarded(build, mask, inputs=inputs)))
