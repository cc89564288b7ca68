"""What the properties in test_window.py do not say: which form a pool takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest


def test_padding_that_does_not_count_stays_in_the_pool(build: Any, canonical: Any, operators: Any) -> None:
    text = """g (float[1,1,6,6] x) => (float[1,1,3,3] y) {
        y = AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1>(x)
    }"""
    assert operators(canonical(build(text))) == ["AveragePool"]


def test_padding_that_counts_is_a_pad(build: Any, canonical: Any, operators: Any) -> None:
    text = """g (float[1,1,6,6] x) => (float[1,1,6,6] y) {
        y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1>(x)
    }"""
    assert operators(canonical(build(text))) == ["Pad", "AveragePool"]


@pytest.mark.skipif(
    tuple(map(int, ort.__version__.split(".")[:2])) < (1, 31),
    reason="older onnxruntimes get ceil_mode wrong",
)
def test_windows_beyond_the_counted_padding_have_their_divisor_corrected(
    build: Any, canonical: Any, operators: Any
) -> None:
    text = """g (float[1,1,6,6] x) => (float[1,1,4,4] y) {
        y = AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], count_include_pad=1, ceil_mode=1>(x)
    }"""
    model = canonical(build(text))
    assert operators(model) == ["Pad", "AveragePool", "Mul"]
    factors = model.graph[2].inputs[1].const_value.numpy()
    np.testing.assert_allclose(factors[0, 0, 0], [1, 1, 1, 1.5])


@pytest.mark.parametrize("pads", ["[0,0,0,0]", "[1,1,1,1]"])
def test_a_dilated_pool_takes_the_largest_of_choices(
    build: Any, canonical: Any, operators: Any, pads: str
) -> None:
    text = f"""g (float[1,1,7,6] x) => (float[1,1,n,m] y) {{
        y = MaxPool<kernel_shape=[2,3], dilations=[2,2], pads={pads}>(x)
    }}"""
    assert set(operators(canonical(build(text)))) == {"Gather", "Max"}


@pytest.mark.parametrize("order", [0, 1])
def test_a_pool_tells_where_its_largest_are(build: Any, canonical: Any, operators: Any, order: int) -> None:
    text = f"""g (float[2,3,7,6] x) => (float[2,3,4,3] y, int64[2,3,4,3] i) {{
        y, i = MaxPool<kernel_shape=[3,2], strides=[2,2], pads=[1,0,1,0], storage_order={order}>(x)
    }}"""
    assert "ArgMax" in operators(canonical(build(text)))


@pytest.mark.parametrize(
    "pool",
    [
        "MaxPool<kernel_shape=[2,2]",
        "AveragePool<kernel_shape=[2,2]",
        "AveragePool<kernel_shape=[2,2], count_include_pad=1",
        "MaxPool<kernel_shape=[1,2], dilations=[1,1]",
    ],
)
def test_a_window_that_starts_in_the_padding_is_none(build: Any, canonical: Any, pool: str) -> None:
    """onnx infers 6 columns, runtimes give 5; what is behind the pool goes by its shape."""
    text = f"""g (float[1,2,6,15] x) => (float[1,2,n,m] z, int64[4] s) {{
        y = {pool}, strides=[1,3], pads=[0,0,0,1], ceil_mode=1>(x)
        z = AveragePool<kernel_shape=[2,4], strides=[1,3], auto_pad="SAME_LOWER">(y)
        s = Shape(y)
    }}"""
    model = canonical(build(text))
    assert model.graph.outputs[1].shape == (4,)
