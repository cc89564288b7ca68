from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.converters.passes.axes import REDUCTIONS


@pytest.mark.parametrize("form", ["Softmax(x)", "Softmax<axis=-1>(x)", "LogSoftmax<axis=2>(x)"])
def test_an_axis_counts_from_the_front(build: Any, canonical: Any, form: str) -> None:
    node = canonical(build(f"g (float[1,2,3] x) => (float[1,2,3] y) {{ y = {form} }}")).graph[0]
    assert node.attributes["axis"].as_int() == 2


def test_a_negative_axis_of_concat_counts_from_the_front(build: Any, canonical: Any) -> None:
    text = "g (float[1,2,3] x) => (float[1,4,3] y) { r = Relu(x) y = Concat<axis=-2>(x, r) }"
    assert canonical(build(text)).graph[1].attributes["axis"].as_int() == 1


def test_the_softmax_of_old_opsets_flattens(build: Any, canonical: Any, operators: Any) -> None:
    model = canonical(build("g (float[2,3,4] x) => (float[2,3,4] y) { y = Softmax<axis=1>(x) }", opset=11))
    assert operators(model) == ["Reshape", "Softmax", "Reshape"]


@pytest.mark.parametrize("opset", [13, 18])
@pytest.mark.parametrize("op_type", REDUCTIONS)
def test_the_axes_of_a_reduction_are_sorted_and_not_negative(
    build: Any, canonical: Any, op_type: str, opset: int
) -> None:
    given = opset == 18 or op_type == "ReduceSum"
    call = f"{op_type}<keepdims=0>(e, axes)" if given else f"{op_type}<keepdims=0, axes=[-1,1]>(e)"
    text = f"g (float[2,3,4] x) => (float[2] y) {{ e = Exp(x) y = {call} }}"
    constants = {"axes": np.array([-1, 1])} if given else {}
    node = canonical(build(text, opset=opset, **constants)).graph[1]
    found = (
        node.inputs[1].const_value.numpy() if op_type == "ReduceSum" else node.attributes["axes"].as_ints()
    )
    assert tuple(found) == (1, 2)


def test_a_reduction_without_axes_names_them_all(build: Any, canonical: Any) -> None:
    node = canonical(build("g (float[2,3] x) => (float[1,1] y) { y = ReduceMax(x) }")).graph[0]
    assert node.attributes["axes"].as_ints() == (0, 1)


def test_a_sum_over_no_axes_that_shall_do_nothing_goes(build: Any, canonical: Any, operators: Any) -> None:
    text = """g (float[2,3] x) => (float[2,3] y) {
        s = ReduceSum<noop_with_empty_axes=1>(x, axes) y = Relu(s)
    }"""
    assert operators(canonical(build(text, axes=np.array([], np.int64)))) == ["Relu"]
