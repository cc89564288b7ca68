from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from edgemm.converters.passes.opset import opset_of
from edgemm.errors import UnsupportedOperator

RUNTIME = tuple(map(int, ort.__version__.split(".")[:2]))
newer = pytest.mark.skipif(RUNTIME < (1, 23), reason="this onnxruntime cannot judge opset 20 and newer")


@pytest.mark.parametrize("opset", [*range(9, 20), *(pytest.param(n, marks=newer) for n in range(20, 24))])
def test_a_plain_network_of_any_opset_is_brought_to_17(build: Any, canonical: Any, opset: int) -> None:
    text = """g (float[1,2,6,6] x) => (float[1,4] y) {
        c = Conv<pads=[1,1,1,1]>(x, weights) r = Relu(c) m = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r)
        a = AveragePool<kernel_shape=[3,3]>(m) f = Flatten(a) y = Softmax<axis=1>(f)
    }"""
    weights = np.random.default_rng(0).standard_normal((4, 2, 3, 3)).astype(np.float32)
    assert opset_of(canonical(build(text, opset=opset, weights=weights))) == 17


def test_upsample_of_opset_9_becomes_resize_and_the_output_keeps_its_name(build: Any, canonical: Any) -> None:
    text = 'g (float[1,1,2,2] x) => (float[1,1,4,4] y) { y = Upsample<mode="nearest">(x, scales) }'
    canonical(build(text, opset=9, scales=np.array([1, 1, 2, 2], np.float32)))


def test_a_number_of_parts_becomes_their_sizes(build: Any, canonical: Any) -> None:
    text = "g (float[1,5] x) => (float[1,3] y, float[1,2] z) { y, z = Split<axis=1, num_outputs=2>(x) }"
    node = canonical(build(text, opset=18)).graph[0]
    assert list(node.inputs[1].const_value.numpy()) == [3, 2]


@newer
def test_newer_operators_are_expanded_into_older_ones(build: Any, canonical: Any) -> None:
    canonical(build("g (float[1,4] x) => (float[1,4] y) { y = Gelu(x) }", opset=20))


@newer
def test_newer_operators_that_read_shapes_are_expanded_too(build: Any, canonical: Any) -> None:
    text = "g (float[1,2,4] x) => (float[1,2,4] y) { y = RMSNormalization<axis=-1>(x, scale) }"
    canonical(build(text, opset=23, scale=np.linspace(0.5, 2, 4, dtype=np.float32)))


def test_a_newer_operator_without_an_expansion_is_refused(build: Any, canonical: Any) -> None:
    text = "g (float[4] x) => (uint64[4] y) { i = Cast<to=13>(x) y = BitwiseAnd(i, i) }"
    with pytest.raises(UnsupportedOperator, match="BitwiseAnd of UINT64"):
        canonical(build(text, opset=18))


@newer
def test_a_newer_attribute_that_changes_the_numbers_is_written_out(
    build: Any, canonical: Any, operators: Any
) -> None:
    text = """g (float[1,1,4,4] x) => (float[1,1,2,2] y) {
        y = Resize<mode="linear", antialias=1>(x, , scales)
    }"""
    model = canonical(build(text, opset=18, scales=np.array([1, 1, 0.5, 0.5], np.float32)))
    assert "Resize" not in operators(model)


@pytest.mark.parametrize("opset", [9, 11, 12, 13])
@pytest.mark.parametrize("axis", ["", "<axis=1>", "<axis=2>"])
def test_a_hardmax_before_opset_13_is_over_all_that_follows(
    build: Any, canonical: Any, opset: int, axis: str
) -> None:
    canonical(build(f"g (float[2,3,4] x) => (float[2,3,4] y) {{ y = Hardmax{axis}(x) }}", opset=opset))


def test_axes_that_are_not_written_are_known(build: Any, canonical: Any) -> None:
    canonical(build("g (float[1,3,4,4] x) => (float[1,3,4,4] y) { y = MeanVarianceNormalization(x) }"))
