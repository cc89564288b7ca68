"""What cannot be expressed is refused by name, and nothing is passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import pytest

from edgemm.converters.tflite import write_tflite
from edgemm.errors import UnsupportedOperator


def test_every_operator_without_a_form_is_named(network: Callable[..., Any]) -> None:
    text = "g (float[1,4] x) => (float[1,4] y) { a = Erf(x)  b = Relu(a)  y = Asinh(b) }"
    unknown = network(text)
    with pytest.raises(UnsupportedOperator, match=r"Erf \(Erf_a\), Asinh \(Asinh_y\).*\.onnx") as caught:
        write_tflite(unknown.model, unknown.float_plan())
    assert caught.value.exit_code == 9


def test_an_attribute_that_nobody_reads_is_refused(named: Callable[[str], Any]) -> None:
    changed = named("residual")
    node = next(node for node in changed.model.graph if node.op_type == "Conv")
    node.attributes["secret"] = ir.AttrInt64("secret", 3)
    with pytest.raises(UnsupportedOperator, match=rf"{node.name}.*secret"):
        write_tflite(changed.model, changed.float_plan())


def test_a_3d_convolution_is_refused(network: Callable[..., Any], weights: Callable[..., Any]) -> None:
    text = "g (float[1,2,4,4,4] x) => (float[1,3,4,4,4] y) { y = Conv<kernel_shape=[1,1,1]>(x, w, b) }"
    cube = network(text, w=weights(3, 2, 1, 1, 1), b=weights(3))
    with pytest.raises(UnsupportedOperator, match="3 dimensions"):
        write_tflite(cube.model, cube.float_plan())


def test_an_elu_of_another_alpha_is_refused(network: Callable[..., Any]) -> None:
    elu = network("g (float[1,4] x) => (float[1,4] y) { y = Elu<alpha=0.5>(x) }")
    with pytest.raises(UnsupportedOperator, match="alpha"):
        write_tflite(elu.model, elu.float_plan())
