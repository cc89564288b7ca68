from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest

from edgemm.converters.onnx_writer import check_onnx, write_onnx
from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.rewrite import data_of
from edgemm.errors import ConversionError
from edgemm.quantize import calibrate, make_plan
from edgemm.quantize.grid import Grid
from edgemm.quantize.plan import Plan, Precision
from edgemm.quantize.target import TARGETS

Plans = Callable[..., Plan]


def node_of(model: ir.Model, op_type: str) -> ir.Node:
    return next(node for node in model.graph if node.op_type == op_type)


def stored(value: ir.Value | None) -> Any:
    """The constants that a DequantizeLinear reads: numbers (of a constant), scale, zero point."""
    assert value is not None
    node = value.producer()
    assert node is not None
    assert node.op_type == "DequantizeLinear"
    return [
        each.const_value.numpy() for each in node.inputs if each is not None and each.const_value is not None
    ]


@pytest.mark.parametrize("target", ["cpu", "x86", "arm"])
def test_onnxruntime_fuses_every_pair(network: ir.Model, plan: Plans, executed: Any, target: str) -> None:
    operators = executed(write_onnx(network, plan(target)).payload)
    assert operators.count("QLinearConv") == 2
    assert operators.count("QGemm") == 2
    assert {"QLinearAdd", "QLinearMul", "QLinearLeakyRelu", "QLinearSoftmax"} <= set(operators)
    assert not {"Conv", "FusedConv", "Gemm", "Add", "Mul"} & set(operators)
    assert (operators.count("QuantizeLinear"), operators.count("DequantizeLinear")) == (1, 1)


@pytest.mark.parametrize("target", ["cpu", "arm", "tensorrt"])
def test_the_integers_stay_near_the_float_graph(
    network: ir.Model, plan: Plans, run: Any, samples: Any, target: str
) -> None:
    float_payload = write_onnx(network, plan(scheme="float")).payload
    payload = write_onnx(network, plan(target)).payload
    check_onnx(payload)
    errors = [np.abs(run(payload, each) - run(float_payload, each)).max() for each in samples]
    assert max(errors) < 0.05  # of probabilities: a dozen quantized tensors of 8 bits


def test_nothing_stands_between_an_operator_and_its_fused_activation(
    network: ir.Model, plan: Plans, written: Any
) -> None:
    conv = node_of(written(write_onnx(network, plan()).payload), "Conv")
    assert [node.op_type for node in conv.outputs[0].consumers()] == ["Clip"]


def test_weights_are_stored_as_the_target_multiplies_them(
    network: ir.Model, plan: Plans, written: Any
) -> None:
    unsigned = stored(node_of(written(write_onnx(network, plan("cpu")).payload), "Conv").inputs[1])
    signed = stored(node_of(written(write_onnx(network, plan("arm")).payload), "Conv").inputs[1])
    assert (unsigned[0].dtype, set(unsigned[2])) == (np.uint8, {128})
    assert (signed[0].dtype, set(signed[2])) == (np.int8, {0})
    np.testing.assert_array_equal(unsigned[0].astype(int) - 128, signed[0])


def test_the_bias_has_the_scale_of_the_accumulator(network: ir.Model, plan: Plans, written: Any) -> None:
    conv = node_of(written(write_onnx(network, plan()).payload), "Conv")
    (scale, _), weight, bias = stored(conv.inputs[0]), stored(conv.inputs[1]), stored(conv.inputs[2])
    expected = scale * weight[1]
    assert bias[0].dtype == np.int32
    np.testing.assert_allclose(bias[1], expected, rtol=1e-6)  # one rounding to float32


def test_symmetric_activations_are_s8_around_0_and_their_bias_stays_float(
    network: ir.Model, plan: Plans, written: Any
) -> None:
    model = written(write_onnx(network, plan("tensorrt")).payload)
    zero_points = [
        node.inputs[2].const_value.numpy() for node in model.graph if node.op_type == "QuantizeLinear"
    ]
    assert zero_points
    assert all(each.dtype == np.int8 and each == 0 for each in zero_points)
    bias = node_of(model, "Conv").inputs[2]
    assert bias is not None
    assert bias.is_initializer()
    assert bias.dtype == ir.DataType.FLOAT


def test_a_node_that_is_float_in_the_plan_computes_in_float(
    network: ir.Model, plan: Plans, written: Any
) -> None:
    name = str(next(node.name for node in network.graph if node.op_type == "LeakyRelu"))
    payload = write_onnx(network, plan(float_nodes=(name,))).payload
    check_onnx(payload)
    conv = [node for node in written(payload).graph if node.op_type == "Conv"][1]
    leaky = node_of(written(payload), "LeakyRelu")
    assert conv.outputs[0].consumers()[0].op_type == "QuantizeLinear"
    assert leaky.outputs[0].consumers()[0].op_type == "QuantizeLinear"
    assert leaky.doc_string == "float"


@pytest.mark.parametrize(("target", "dtype"), [("cpu", "uint8"), ("tensorrt", "int8")])
def test_integer_inputs_and_outputs_hold_what_float_ones_would(
    network: ir.Model, plan: Plans, run: Any, samples: Any, target: str, dtype: str
) -> None:
    outside = write_onnx(network, plan(target))
    inside = write_onnx(network, plan(target), io="int8")
    check_onnx(inside.payload)
    (source,), (result,) = inside.inputs, inside.outputs
    assert (source.name, source.dtype, result.dtype) == ("image", dtype, dtype)
    raw = run(inside.payload, {"image": source.quantize(samples[0]["image"])})
    np.testing.assert_allclose(result.dequantize(raw), run(outside.payload, samples[0]), rtol=1e-6)


def test_a_value_without_a_grid_is_refused_with_its_node(network: ir.Model, plan: Plans) -> None:
    whole = plan()
    spoiled = replace(whole, activations={k: v for k, v in whole.activations.items() if k != "scores"})
    with pytest.raises(ConversionError, match=r"Softmax.*'scores' has no grid"):
        write_onnx(network, spoiled)


def test_one_constant_on_two_grids_is_stored_twice(written: Any) -> None:
    model = twins()
    grids = {"x": activation(0.1), "a": activation(0.2), "b": activation(0.3)}
    biases = {("first", 2): step(0.1, 0.01), ("second", 2): step(0.2, 0.01)}
    weights = {(name, 1): Grid(np.array([0.01], np.float32), axis=None) for name in ("first", "second")}
    made = Plan(
        TARGETS["cpu"], "static", dict.fromkeys(("first", "second"), Precision.INT8), grids, weights | biases
    )
    payload = write_onnx(model, made).payload
    check_onnx(payload)
    first, second = (node for node in written(payload).graph if node.op_type == "Gemm")
    assert first.inputs[1] is second.inputs[1]
    np.testing.assert_array_equal(stored(first.inputs[2])[0], 2 * stored(second.inputs[2])[0])


def twins() -> ir.Model:
    """Two layers that share their weight and their bias."""
    proto = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17]>
        g (float[1,2] x) => (float[1,2] b) {
            a = Gemm<transB=1>(x, w, c)
            b = Gemm<transB=1>(a, w, c)
        }
    """)
    constants = {"w": np.eye(2, dtype=np.float32), "c": np.array([1.0, -2.0], np.float32)}
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(a, n) for n, a in constants.items())
    model: ir.Model = ir.from_proto(proto)
    for node, name in zip(model.graph, ("first", "second"), strict=True):
        node.name = name
    canonicalize(model)
    return model


def activation(scale: float) -> Grid:
    return Grid(np.array([scale], np.float32), -3)


def step(source: float, weight: float) -> Grid:
    return Grid(np.array([source * weight], np.float32), dtype="int32")


def test_a_float_operator_reads_the_real_number_where_it_is_there(written: Any) -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
        g (float[1,3,4,4] x) => (float[1,2,4,4] y, float[1,3,4,4] z) {
            a = Erf(x)  y = Conv(a, w)  z = Exp(a) }"""
    proto = onnx.parser.parse_model(text)
    weights = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3, 1, 1)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(weights, "w"))
    model: ir.Model = ir.from_proto(proto)
    canonicalize(model)
    samples = [{"x": np.random.default_rng(0).normal(size=(1, 3, 4, 4)).astype(np.float32)}]
    found = written(write_onnx(model, make_plan(model, calibrate(model, samples))).payload)
    assert data_of(node_of(found, "Exp")).producer() is node_of(found, "Erf")
    assert data_of(node_of(found, "Conv")).producer() in [
        node for node in found.graph if node.op_type == "DequantizeLinear"
    ]
