from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.converters.passes import canonicalize, check_canonical
from edgemm.errors import ConversionError, UnsupportedOperator

TEXT = """g (float[1,2,6,6] x) => (float[1,3] y) {
    c = Conv(x, weights) p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(c) f = Flatten(p)
    m = MatMul(f, dense) y = Softmax(m)
}"""


@pytest.fixture
def model(build: Any) -> ir.Model:
    made: ir.Model = build(
        TEXT, weights=np.ones((4, 2, 3, 3), np.float32), dense=np.ones((16, 3), np.float32)
    )
    canonicalize(made)
    return made


def spoil(model: ir.Model, op_type: str, name: str) -> str:
    node = next(node for node in model.graph if node.op_type == op_type)
    del node.attributes[name]
    return str(node.name)


def test_what_the_passes_make_is_canonical(model: ir.Model) -> None:
    check_canonical(model)


@pytest.mark.parametrize(
    ("op_type", "name"),
    [("Conv", "pads"), ("Conv", "group"), ("MaxPool", "pads"), ("Gemm", "transB"), ("Softmax", "axis")],
)
def test_a_missing_attribute_is_named_with_its_node(model: ir.Model, op_type: str, name: str) -> None:
    spoiled = spoil(model, op_type, name)
    with pytest.raises(ConversionError, match=spoiled):
        check_canonical(model)


def test_a_shape_that_is_open_is_named(model: ir.Model) -> None:
    model.graph[0].outputs[0].shape = ir.Shape(["n", 4, 4, 4])
    with pytest.raises(ConversionError, match="no static shape"):
        check_canonical(model)


def test_two_tensors_of_one_name_are_refused(model: ir.Model) -> None:
    model.graph[0].outputs[0].name = model.graph[1].outputs[0].name
    with pytest.raises(ConversionError, match="used twice"):
        check_canonical(model)


def test_another_opset_is_refused(model: ir.Model) -> None:
    model.opset_imports[""] = 18
    with pytest.raises(ConversionError, match="opset"):
        check_canonical(model)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("y = local.Magic(x)", "domain 'local'"),
        (
            "y = If<then_branch = t () => (a) { a = Relu(x) }, else_branch = e () => (a) { a = Tanh(x) }>(flag)",
            "control flow",
        ),
    ],
)
def test_what_no_pass_can_express_is_refused(build: Any, body: str, reason: str) -> None:
    flag = ", bool flag" if "flag" in body else ""
    source = build(f"g (float[4] x{flag}) => (float[4] y) {{ {body} }}")
    with pytest.raises(UnsupportedOperator, match=reason):
        canonicalize(source)
