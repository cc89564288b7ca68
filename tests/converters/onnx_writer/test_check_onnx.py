"""Files that runtimes run silently wrong: the checker names node and rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest

from edgemm.converters.onnx_writer import check_onnx, write_onnx
from edgemm.converters.passes import canonicalize
from edgemm.errors import ConversionError
from edgemm.quantize import calibrate, make_plan

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


def behind_integers(proto: onnx.ModelProto, node: onnx.NodeProto, index: int) -> None:
    """Puts a constant input of a node behind a DequantizeLinear."""
    name = node.input[index]
    array = onnx.numpy_helper.to_array(next(each for each in proto.graph.initializer if each.name == name))
    stored = {"steps": np.zeros(array.shape, np.uint8), "step": np.float32(0.1), "zero": np.uint8(0)}
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in stored.items())
    node.input[index] = "real"
    proto.graph.node.insert(0, onnx.helper.make_node("DequantizeLinear", list(stored), ["real"], name="dq"))


OTHERS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "scales": (
        'y = Resize<mode="nearest">(r, , s)',
        2,
        {"s": np.array([1, 1, 2, 2], np.float32), "out": "1,4,16,16"},
    ),
    "a limit": ("y = Clip(r, l, h)", 1, {"l": np.float32(-0.4), "h": np.float32(0.7)}),
    "a limit of a fused activation": (
        "a = Sigmoid(r)  y = Clip(a, l, h)",
        1,
        {"l": np.float32(0), "h": np.float32(6)},
    ),
    "places": ("y = GridSample(r, g)", 1, {"g": np.zeros((1, 8, 8, 2), np.float32)}),
    "a factor of a norm": (
        "y = LayerNormalization<axis=1>(r, f)",
        1,
        {"f": np.ones((4, 8, 8), np.float32)},
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_data_comes_from_no_integers(name: str) -> None:
    node, index, constants = OTHERS[name]
    shape = constants.get("out", "1,4,8,8")
    text = f"""<ir_version: 8, opset_import: ["": 17]>
        g (float[1,3,8,8] x) => (float[{shape}] y) {{ c = Conv<pads=[1,1,1,1]>(x, w)  r = Relu(c)  {node} }}"""
    source = onnx.parser.parse_model(text)
    arrays = {"w": np.ones((4, 3, 3, 3), np.float32), **{n: a for n, a in constants.items() if n != "out"}}
    source.graph.initializer.extend(onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in arrays.items())
    model: ir.Model = ir.from_proto(source)
    canonicalize(model)
    samples = [
        {"x": np.random.default_rng(seed).normal(size=(1, 3, 8, 8)).astype(np.float32)} for seed in (0, 1)
    ]
    proto = onnx.load_model_from_string(
        write_onnx(model, make_plan(model, calibrate(model, samples))).payload
    )
    check_onnx(proto.SerializeToString())
    spoiled = next(each for each in proto.graph.node if each.name == str(model.graph[-1].name))
    behind_integers(proto, spoiled, index)
    with pytest.raises(ConversionError, match=f"input {index} .*DequantizeLinear"):
        check_onnx(proto.SerializeToString())


def test_computed_places_come_from_no_integers() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
        g (float[1,4,8,8] x, float[1,8,8,2] at) => (float[1,4,8,8] y) {
            [q] i = QuantizeLinear(at, step, zero)  [dq] g = DequantizeLinear(i, step, zero)
            [sample] y = GridSample(x, g) }"""
    proto = onnx.parser.parse_model(text)
    stored = {"step": np.float32(0.01), "zero": np.uint8(128)}
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in stored.items())
    with pytest.raises(ConversionError, match=r"sample.*input 1 .*DequantizeLinear"):
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
