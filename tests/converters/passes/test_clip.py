from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.errors import UnsupportedOperator

TEXT = "g (float[4] x) => (float[4] y) {{ y = {} }}"


def test_attributes_of_old_opsets_become_inputs(build: Any, canonical: Any) -> None:
    node = canonical(build(TEXT.format("Clip<min=0.0, max=6.0>(x)"), opset=9)).graph[0]
    assert [float(value.const_value.numpy()) for value in node.inputs[1:]] == [0.0, 6.0]


def test_without_an_upper_limit_and_from_0_it_is_a_relu(build: Any, canonical: Any, operators: Any) -> None:
    assert operators(canonical(build(TEXT.format("Clip(x, low)"), low=np.float32(0)))) == ["Relu"]


def test_a_missing_limit_becomes_infinite(build: Any, canonical: Any) -> None:
    node = canonical(build(TEXT.format("Clip(x, , high)"), high=np.float32(1))).graph[0]
    assert float(node.inputs[1].const_value.numpy()) == -np.inf


def test_limits_of_one_dimension_become_scalars(build: Any, canonical: Any) -> None:
    """As ONNX Runtime takes them."""
    low, high = np.array([-1], np.float32), np.array([6], np.float32)
    node = canonical(build(TEXT.format("Clip(x, low, high)"), low=low, high=high)).graph[0]
    assert [value.const_value.numpy().shape for value in node.inputs[1:]] == [(), ()]


def test_a_computed_limit_is_refused(build: Any, canonical: Any) -> None:
    with pytest.raises(UnsupportedOperator, match="limit"):
        canonical(build("g (float[4] x, float low) => (float[4] y) { y = Clip(x, low) }"))
