from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.errors import UnsupportedOperator


def test_every_attribute_is_written_and_a_bias_of_zeros_is_there(build: Any, canonical: Any) -> None:
    source = build(
        "g (float[1,1,5,5] x) => (float[1,2,3,3] y) { y = Conv(x, weights) }",
        weights=np.ones((2, 1, 3, 3), np.float32),
    )
    node = canonical(source).graph[0]
    assert {"kernel_shape", "strides", "dilations", "group", "pads"} <= set(node.attributes)
    np.testing.assert_array_equal(node.inputs[2].const_value.numpy(), np.zeros(2))


def test_a_convolution_along_one_dimension_is_normal_too(build: Any, canonical: Any) -> None:
    source = build(
        'g (float[1,1,9] x) => (float[1,2,5] y) { y = Conv<auto_pad="SAME_UPPER", strides=[2]>(x, weights) }',
        weights=np.ones((2, 1, 3), np.float32),
    )
    assert canonical(source).graph[0].attributes["pads"].as_ints() == (1, 1)


def test_a_computed_weight_is_refused_with_the_nodes_name(build: Any, canonical: Any) -> None:
    source = build("g (float[1,1,5,5] x, float[2,1,3,3] w) => (float[1,2,3,3] y) { y = Conv(x, w) }")
    source.graph[0].name = "attention_conv"
    with pytest.raises(UnsupportedOperator, match="attention_conv"):
        canonical(source)
