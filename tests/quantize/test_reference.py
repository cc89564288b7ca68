from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx.parser
import onnx_ir as ir
import pytest

from edgemm.errors import InputError, UnsupportedOperator
from edgemm.quantize import Reference
from edgemm.quantize.reference import serialize

Make = Callable[..., Any]


def test_it_runs_a_model_and_its_bytes_alike(residual: ir.Model, noise: Make) -> None:
    sample = noise(residual, 1)[0]
    from_model, from_bytes = Reference(residual).run(sample), Reference(serialize(residual)).run(sample)
    assert list(from_model) == ["y"]
    np.testing.assert_array_equal(from_model["y"], from_bytes["y"])


def test_equal_models_give_equal_bytes(residual: ir.Model) -> None:
    assert serialize(residual) == serialize(residual.clone())


def test_a_missing_input_is_named(residual: ir.Model) -> None:
    with pytest.raises(InputError, match=r"expected inputs \['x'\], found \['z'\]"):
        Reference(residual).run({"z": np.zeros(1, np.float32)})


def test_an_operator_that_nobody_knows_is_unsupported() -> None:
    x = ir.Value(name="x", shape=ir.Shape((1,)), type=ir.TensorType(ir.DataType.FLOAT))
    node = ir.node("NoSuchThing", [x], name="n")
    graph = ir.Graph([x], node.outputs, nodes=[node], opset_imports={"": 17}, name="g")
    with pytest.raises(UnsupportedOperator, match="NoSuchThing"):
        Reference(ir.Model(graph, ir_version=8))


def test_a_model_that_fails_while_it_runs_says_so_in_its_error_alone(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """ONNX Runtime would write a coloured line of its own to stderr."""
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[1,4] x, int64[2] i) => (float[1,2] y) '
        "{ y = Gather <axis = 1> (x, i) }"
    )
    reference = Reference(model.SerializeToString())
    with pytest.raises(InputError, match=r"out of (data )?bounds"):
        reference.run({"x": np.zeros((1, 4), np.float32), "i": np.array([1, 9])})
    assert capfd.readouterr().err == ""


def test_a_node_that_fails_on_inputs_that_fit_is_the_models() -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[1,4] x, int64[2] n) => (float[a,b] y) { y = Reshape(x, n) }'
    )
    reference = Reference(model.SerializeToString())
    with pytest.raises(UnsupportedOperator, match="does not run on inputs"):
        reference.run({"x": np.zeros((1, 4), np.float32), "n": np.array([3, 3])})
