"""The arithmetic of windows, and pools and convolutions against onnxruntime over all their attributes."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from hypothesis import HealthCheck, given, settings

from edgemm.converters.passes.window import Window
from edgemm.errors import ConversionError

RUNTIME = tuple(map(int, ort.__version__.split(".")[:2]))
rounds_up = pytest.mark.skipif(RUNTIME < (1, 31), reason="older onnxruntimes get ceil_mode wrong")
many = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def test_same_padding_puts_the_odd_element_at_the_end_or_the_begin() -> None:
    window = Window(size=6, kernel=3, stride=2)
    assert (window.same(upper=True).begin, window.same(upper=True).end) == (0, 1)
    assert (window.same(upper=False).begin, window.same(upper=False).end) == (1, 0)


def test_rounding_up_adds_the_padding_that_a_last_window_reaches_into() -> None:
    assert Window(size=5, kernel=2, stride=2).rounded_up().end == 1


def test_rounding_up_drops_a_window_that_would_start_beyond_the_input() -> None:
    assert Window(size=2, kernel=1, stride=2, end=0).rounded_up().steps == 1


@st.composite
def pools(draw: st.DrawFn) -> tuple[tuple[int, int], dict[str, Any]]:
    """Spatial sizes and the attributes of a pool; padding is smaller than the kernel, as runtimes ask."""
    sizes: list[int] = []
    attributes: dict[str, Any] = {"kernel_shape": [], "strides": [], "pads": [0, 0, 0, 0]}
    for axis in (0, 1):
        kernel = draw(st.integers(1, 4))
        attributes["kernel_shape"].append(kernel)
        attributes["strides"].append(draw(st.integers(1, 3)))
        attributes["pads"][axis] = draw(st.integers(0, kernel - 1))
        attributes["pads"][axis + 2] = draw(st.integers(0, kernel - 1))
        sizes.append(draw(st.integers(kernel, 9)))
    attributes["ceil_mode"] = draw(st.integers(0, 1))
    return (sizes[0], sizes[1]), attributes


def one_node(op_type: str, sizes: tuple[int, int], attributes: dict[str, Any]) -> ir.Model:
    shape = [1, 2, *sizes]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(op_type, ["x"], ["y"], name="pool", **attributes)],
        "g",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
    )
    model: ir.Model = ir.from_proto(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    )
    return model


@rounds_up
@many
@given(pools(), st.integers(0, 1))
def test_an_average_pool_keeps_its_numbers(
    canonical: Any, pool: tuple[tuple[int, int], dict[str, Any]], count_include_pad: int
) -> None:
    sizes, attributes = pool
    canonical(one_node("AveragePool", sizes, {**attributes, "count_include_pad": count_include_pad}))


@rounds_up
@many
@given(pools())
def test_a_max_pool_keeps_its_numbers(canonical: Any, pool: tuple[tuple[int, int], dict[str, Any]]) -> None:
    canonical(one_node("MaxPool", *pool), tolerance=0.0)


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("op_type", ["AveragePool", "MaxPool"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_automatic_padding_of_pools_is_resolved(
    canonical: Any, op_type: str, auto_pad: str, stride: int
) -> None:
    attributes = {"kernel_shape": [3, 2], "strides": [stride, stride], "auto_pad": auto_pad}
    canonical(one_node(op_type, (7, 8), attributes))


def test_a_wrong_number_of_strides_is_refused(canonical: Any) -> None:
    with pytest.raises(ConversionError, match="pool"):
        canonical(one_node("MaxPool", (4, 4), {"kernel_shape": [2, 2], "strides": [2]}))


@many
@given(st.data())
def test_a_convolution_keeps_its_numbers(build: Any, canonical: Any, data: st.DataObject) -> None:
    kernel = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    strides = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    auto = data.draw(st.sampled_from(["", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    pads = data.draw(st.tuples(*[st.integers(0, 2)] * 4))
    widest = 1 if auto.startswith("SAME") else 2  # onnxruntime refuses SAME with dilations
    dilations = data.draw(st.tuples(st.integers(1, widest), st.integers(1, widest)))
    group = data.draw(st.sampled_from([1, 2, 4]))
    form = f'auto_pad="{auto}"' if auto else f"pads={list(pads)}"
    weights = np.random.default_rng(0).standard_normal((4, 4 // group, *kernel)).astype(np.float32)
    text = f"""g (float[1,4,7,8] x) => (float[n,c,h,w] y) {{
        y = Conv<group={group}, dilations={list(dilations)}, strides={list(strides)}, {form}>(x, weights)
    }}"""
    canonical(build(text, weights=weights))
