"""The operators that onnxruntime's quantizer writes, against onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.quantized import is_quantized, rounded
from edgemm.errors import UnsupportedOperator
from edgemm.quantize.reference import Reference

Array = npt.NDArray[Any]
RNG = np.random.default_rng(3)
WEIGHTS = RNG.integers(-127, 128, (6, 6)).astype(np.int8)
KERNEL = RNG.integers(-127, 128, (4, 6, 1, 1)).astype(np.int8)
PER_ROW = np.linspace(0.004, 0.012, 6, dtype=np.float32)
STEP = np.float32(0.03)
OUT = np.float32(0.05)
X, S, Z = "x", np.float32(0.02), np.uint8(120)
ZW = np.zeros(6, np.int8)

CASES: dict[str, tuple[str, Sequence[Any], dict[str, Any], tuple[int, ...]]] = {
    "QLinearAdd": ("QLinearAdd", ["q", S, Z, "q", S, Z, OUT, Z], {}, (1, 6, 4, 4)),
    "QLinearMul": ("QLinearMul", ["q", S, Z, "q", S, Z, OUT, Z], {}, (1, 6, 4, 4)),
    "QLinearAveragePool": (
        "QLinearAveragePool",
        ["q", S, Z, OUT, Z],
        {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0], "count_include_pad": 1},
        (1, 6, 4, 4),
    ),
    "QLinearGlobalAveragePool": ("QLinearGlobalAveragePool", ["q", S, Z, OUT, Z], {}, (1, 6, 4, 4)),
    "QLinearConcat": ("QLinearConcat", [OUT, Z, "q", S, Z, "q", S, Z], {"axis": 1}, (1, 6, 4, 4)),
    "QLinearConv": (
        "QLinearConv",
        ["q", S, Z, KERNEL, STEP, np.int8(0), OUT, Z, np.arange(4, dtype=np.int32) * 900],
        {},
        (1, 6, 4, 4),
    ),
    "QLinearLeakyRelu": ("QLinearLeakyRelu", ["q", S, Z, OUT, Z], {"alpha": 0.3}, (1, 6, 4, 4)),
    "QLinearReduceMean": ("QLinearReduceMean", ["q", S, Z, OUT, Z], {"axes": [2, 3], "keepdims": 0}, (1, 6, 4, 4)),
    "QLinearSigmoid": ("QLinearSigmoid", ["q", S, Z, np.float32(1 / 256), np.uint8(0)], {}, (1, 6, 4, 4)),
    "QLinearSoftmax": (
        "QLinearSoftmax",
        ["q", S, Z, np.float32(1 / 256), np.uint8(0)],
        {"axis": 1, "opset": 17},
        (2, 6),
    ),
    "QLinearMatMul": ("QLinearMatMul", ["q", S, Z, WEIGHTS, PER_ROW, ZW, OUT, Z], {}, (3, 6)),
    "QLinearWhere": (
        "QLinearWhere",
        [np.arange(6) % 2 == 0, "q", S, Z, np.full(6, 90, np.uint8), S, Z, OUT, Z],
        {},
        (3, 6),
    ),
    "QGemm": (
        "QGemm",
        ["q", S, Z, WEIGHTS, PER_ROW, ZW, np.arange(6, dtype=np.int32) * 500, OUT, Z],
        {"transB": 1},
        (3, 6),
    ),
    "QGemm with alpha": (
        "QGemm",
        ["q", S, Z, WEIGHTS, STEP, np.int8(0), np.arange(6, dtype=np.int32) * 500, OUT, Z],
        {"alpha": 0.25},
        (3, 6),
    ),
    "QGemm to real numbers": ("QGemm", ["q", S, Z, WEIGHTS, STEP, np.int8(0), ""], {}, (3, 6)),
    "DynamicQuantizeMatMul": ("DynamicQuantizeMatMul", ["x", WEIGHTS, STEP, np.int8(3), np.ones(6, "f")], {}, (3, 6)),
    "MatMulIntegerToFloat": (
        "MatMulIntegerToFloat",
        ["q", WEIGHTS, S, PER_ROW, Z, ZW, np.ones(6, np.float32)],
        {},
        (3, 6),
    ),
    "DynamicQuantizeLSTM": (
        "DynamicQuantizeLSTM",
        [
            "x",
            RNG.integers(-127, 128, (1, 6, 20)).astype(np.int8),
            RNG.integers(-127, 128, (1, 5, 20)).astype(np.int8),
            *("",) * 5,
            np.array([0.004], np.float32),
            np.array([0], np.int8),
            np.array([0.005], np.float32),
            np.array([0], np.int8),
        ],
        {"hidden_size": 5},
        (4, 1, 6),
    ),
}  # fmt: skip
REAL = ("DynamicQuantizeMatMul", "MatMulIntegerToFloat", "DynamicQuantizeLSTM")
STANDARD = ("QLinearConv", "QLinearMatMul")


def graph(name: str) -> onnx.ModelProto:
    """x -> QuantizeLinear -> the operator -> DequantizeLinear -> y."""
    op_type, inputs, attributes, shape = CASES[name]
    constants = {f"k{index}": each for index, each in enumerate(inputs) if not isinstance(each, str)}
    names = [each if isinstance(each, str) else f"k{index}" for index, each in enumerate(inputs)]
    domain = "" if op_type in STANDARD else "com.microsoft"
    constants |= {"s": S, "z": Z}
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"])]
    real = op_type in REAL or "real" in name
    nodes.append(helper.make_node(op_type, names, ["y" if real else "r"], domain=domain, **attributes))
    if not real:
        first = {"QLinearConcat": 0, "QLinearConv": 6}.get(op_type, len(inputs) - 2)
        grid = inputs[first : first + 2]
        constants |= {"os": grid[0], "oz": grid[1]}
        nodes.append(helper.make_node("DequantizeLinear", ["r", "os", "oz"], ["y"]))
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(each), key) for key, each in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8)


def written_out(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The one operator that onnxruntime defines and has no kernel for, as its definition says it."""
    node = proto.graph.node[1]
    if node.op_type != "QLinearReduceMean":
        return proto
    copy = onnx.ModelProto.FromString(proto.SerializeToString())
    real = helper.make_node("ReduceMean", ["d"], ["m"], axes=[2, 3], keepdims=0)
    del copy.graph.node[:]
    copy.graph.node.append(proto.graph.node[0])
    copy.graph.node.append(helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]))
    copy.graph.node.append(real)
    copy.graph.node.append(helper.make_node("QuantizeLinear", ["m", "os", "oz"], ["r"]))
    copy.graph.node.append(proto.graph.node[2])
    return copy


def source_answers(model: onnx.ModelProto, x: Array) -> Array:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: Array = session.run(None, {"x": x})[0]
    return found


@pytest.mark.parametrize("name", CASES)
def test_an_operator_on_integers_is_a_real_one_between_its_grids(name: str) -> None:
    """Numbers of four times the grid: what it cuts off must be cut off. Kernels on integers round where real
    arithmetic meets a tie: one step of the output."""
    proto = graph(name)
    x = np.random.default_rng(0).normal(0, 2.5, CASES[name][3]).astype(np.float32)
    truth = source_answers(written_out(proto), x)
    model = ir.from_proto(proto)
    assert is_quantized(model)
    model.graph.outputs[0].shape = ir.Shape(truth.shape)
    canonicalize(model)
    found = Reference(rounded(model), optimize=False).run({"x": x})["y"]
    step = {"QLinearSigmoid": 1 / 256, "QLinearSoftmax": 1 / 256}.get(name, float(OUT))
    if name in REAL or "real" in name:
        step = float(truth.max() - truth.min()) * (0.01 if name == "DynamicQuantizeLSTM" else 1e-5)
    assert np.abs(found - truth).max() <= step * 1.001
    assert np.corrcoef(found.reshape(-1), truth.reshape(-1))[0, 1] > 0.999


def test_an_unknown_operator_on_integers_is_refused_by_name() -> None:
    proto = graph("QLinearAdd")
    proto.graph.node[1].op_type = "QLinearSub"
    model = ir.from_proto(proto)
    with pytest.raises(UnsupportedOperator, match="QLinearSub"):
        canonicalize(model)


def test_another_layout_is_refused() -> None:
    proto = graph("QLinearGlobalAveragePool")
    proto.graph.node[1].attribute.append(helper.make_attribute("channels_last", 1))
    with pytest.raises(UnsupportedOperator, match="channels_last"):
        canonicalize(ir.from_proto(proto))
