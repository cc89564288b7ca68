from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("keepdims", "expected"), [(1, ["GlobalAveragePool"]), (0, ["GlobalAveragePool", "Reshape"])]
)
def test_a_mean_over_the_picture_is_a_global_pool(
    build: Any, canonical: Any, operators: Any, keepdims: int, expected: list[str]
) -> None:
    text = (
        f"g (float[1,3,4,5] x) => (float[n,c] y) {{ y = ReduceMean<axes=[-2,-1], keepdims={keepdims}>(x) }}"
    )
    source = build(text.replace("float[n,c]", "float[n,c,h,w]") if keepdims else text)
    assert operators(canonical(source)) == expected


def test_a_mean_over_something_else_stays(build: Any, canonical: Any, operators: Any) -> None:
    text = "g (float[1,3,4,5] x) => (float[1,1,4,5] y) { y = ReduceMean<axes=[1]>(x) }"
    assert operators(canonical(build(text))) == ["ReduceMean"]
