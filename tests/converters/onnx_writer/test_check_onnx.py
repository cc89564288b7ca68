"""Files that runtimes run silently wrong: the checker names node and rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from edgemm.converters.onnx_writer import check_onnx, write_onnx
from edgemm.errors import ConversionError

Spoil = Callable[[onnx.ModelProto], None]


@pytest.fixture
def proto(network: ir.Model, plan: Any) -> onnx.ModelProto:
    return onnx.load_model_from_string(write_onnx(network, plan()).payload)


def set_constant(proto: onnx.ModelProto, name: str, change: Callable[[Any], Any]) -> None:
    tensor = next(each for each in proto.graph.initializer if each.name == name)
    array = onnx.numpy_helper.to_array(tensor)
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.asarray(change(array), array.dtype), name))


def own_scale(proto: onnx.ModelProto, node: onnx.NodeProto, factor: float) -> None:
    """Gives one Q or DQ a scale that nothing shares."""
    tensor = next(each for each in proto.graph.initializer if each.name == node.input[1])
    scale = onnx.numpy_helper.to_array(tensor) * np.float32(factor)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(scale, np.float32), "own_scale"))
    node.input[1] = "own_scale"


def after(proto: onnx.ModelProto, op_type: str) -> onnx.NodeProto:
    """The QuantizeLinear of an operator's output."""
    output = next(node.output[0] for node in proto.graph.node if node.op_type == op_type)
    return next(
        node for node in proto.graph.node if node.op_type == "QuantizeLinear" and node.input[0] == output
    )


def before(proto: onnx.ModelProto, op_type: str, index: int) -> onnx.NodeProto:
    """The DequantizeLinear of an operator's input."""
    name = next(node.input[index] for node in proto.graph.node if node.op_type == op_type)
    return next(node for node in proto.graph.node if node.output[0] == name)


SPOILED: dict[str, tuple[Spoil, str]] = {
    "pool": (lambda proto: own_scale(proto, after(proto, "MaxPool"), 2.0), r"MaxPool.*must be one grid"),
    "reshape": (lambda proto: own_scale(proto, after(proto, "Reshape"), 1.5), r"Reshape.*must be one grid"),
    "softmax": (lambda proto: own_scale(proto, after(proto, "Softmax"), 2.0), r"Softmax.*must be on"),
    "bias": (
        lambda proto: own_scale(proto, before(proto, "Conv", 2), 1.01),
        r"Conv.*bias must have the scale",
    ),
    "insane scale": (lambda proto: own_scale(proto, before(proto, "Add", 0), 1e15), "no scale may be above"),
    "zero scale": (lambda proto: own_scale(proto, before(proto, "Conv", 0), 0.0), "above 0"),
}


def test_what_the_writer_makes_passes(proto: onnx.ModelProto) -> None:
    check_onnx(proto.SerializeToString())


@pytest.mark.parametrize("name", SPOILED)
def test_a_broken_rule_is_named(proto: onnx.ModelProto, name: str) -> None:
    spoil, reason = SPOILED[name]
    spoil(proto)
    with pytest.raises(ConversionError, match=reason):
        check_onnx(proto.SerializeToString())


def test_a_constant_that_is_not_finite_is_named(network: ir.Model, plan: Any) -> None:
    proto = onnx.load_model_from_string(write_onnx(network, plan(scheme="float")).payload)
    set_constant(proto, "w3", lambda array: array * np.nan)
    with pytest.raises(ConversionError, match=r"w3.*NaN"):
        check_onnx(proto.SerializeToString())


@pytest.mark.parametrize("number", [-np.inf, np.nan])
def test_a_constant_that_is_no_weight_may_be_anything(network: ir.Model, plan: Any, number: float) -> None:
    proto = onnx.load_model_from_string(write_onnx(network, plan(scheme="float")).payload)
    set_constant(proto, "gain", lambda array: array * 0 + number)
    check_onnx(proto.SerializeToString())


@pytest.mark.parametrize("payload", [b"", b"no model", b"\x08\x08" * 5])
def test_bytes_that_are_no_model_are_refused(payload: bytes) -> None:
    with pytest.raises(ConversionError, match="not valid ONNX"):
        check_onnx(payload)
