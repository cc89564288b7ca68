"""Networks that draw random numbers are refused with the node and a way out."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgemm.converters.passes import canonicalize
from edgemm.errors import UnsupportedOperator

FLOAT, BOOL, INT64 = TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64


def model(*nodes: onnx.NodeProto, kind: int = FLOAT) -> ir.Model:
    """x [1, 4] -> y; constants: ratio 0.5, zero 0.0, on True, off False."""
    constants = [
        numpy_helper.from_array(np.array(value, dtype), name)
        for name, value, dtype in (
            ("ratio", 0.5, np.float32),
            ("zero", 0, np.float32),
            ("on", True, np.bool_),
            ("off", False, np.bool_),
        )
    ]
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", kind, None)],
        constants,
    )
    made: ir.Model = ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    return made


DRAWING = {
    "RandomNormalLike": [helper.make_node("RandomNormalLike", ["x"], ["n"], name="noise")],
    "RandomUniformLike": [helper.make_node("RandomUniformLike", ["x"], ["n"], name="noise")],
    "RandomNormal": [helper.make_node("RandomNormal", [], ["n"], name="noise", shape=[1, 4])],
    "RandomUniform": [helper.make_node("RandomUniform", [], ["n"], name="noise", shape=[1, 4])],
    "Bernoulli": [
        helper.make_node("Sigmoid", ["x"], ["p"]),
        helper.make_node("Bernoulli", ["p"], ["n"], name="noise"),
    ],
}


@pytest.mark.parametrize("operator", DRAWING)
def test_what_draws_is_refused_by_its_name(operator: str) -> None:
    made = model(*DRAWING[operator], helper.make_node("Add", ["x", "n"], ["y"]))
    with pytest.raises(
        UnsupportedOperator, match=rf"'noise' \({operator}\).*Make the noise an input of the model"
    ) as raised:
        canonicalize(made)
    assert "LiteRT" not in str(raised.value)


def test_a_choice_at_random_is_refused() -> None:
    node = helper.make_node("Multinomial", ["x"], ["y"], name="noise", dtype=INT64)
    with pytest.raises(UnsupportedOperator, match=r"'noise' .Multinomial"):
        canonicalize(model(node, kind=INT64))


@pytest.mark.parametrize(("ratio", "training"), [("zero", "on"), ("ratio", "off"), ("ratio", "")])
def test_dropout_that_draws_nothing_goes(ratio: str, training: str) -> None:
    made = model(
        helper.make_node("Dropout", ["x", ratio, training], ["d"]), helper.make_node("Relu", ["d"], ["y"])
    )
    canonicalize(made)
    assert [node.op_type for node in made.graph] == ["Relu"]


def test_dropout_in_training_is_refused() -> None:
    node = helper.make_node("Dropout", ["x", "ratio", "on"], ["y"], name="drop")
    with pytest.raises(UnsupportedOperator, match=r"'drop'.*training mode.*make the mask an input"):
        canonicalize(model(node))


def test_noise_that_no_output_depends_on_is_no_noise() -> None:
    made = model(
        helper.make_node("RandomNormalLike", ["x"], ["n"]),
        helper.make_node("Shape", ["n"], ["s"]),
        helper.make_node("Reshape", ["x", "s"], ["r"]),
        helper.make_node("Neg", ["r"], ["y"]),
    )
    canonicalize(made)
    assert "RandomNormalLike" not in [node.op_type for node in made.graph]
