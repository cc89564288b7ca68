"""QDQ files of other tools, trained or calibrated elsewhere: their grids are what is written.

Truth is the source in onnxruntime, optimizations off.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgemm.converters import convert
from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.quantized import declared_ranges

G = np.random.default_rng(2)
SCALES = {"x": 0.02, "a": 0.013, "d": 0.009, "s": 0.017, "y": 0.011}
ZEROS = {"x": 120, "a": 0, "d": 0, "s": 17, "y": 131}


def qdq() -> onnx.ModelProto:
    """conv -> relu -> depthwise -> relu -> residual sum -> dense, as quantization-aware tools export them: every
    activation on a learned grid, weights s8 per channel, biases int32."""
    nodes: list[Any] = []
    constants: dict[str, Any] = {}

    def pair(name: str, source: str) -> str:
        constants[f"{name}_s"], constants[f"{name}_z"] = np.float32(SCALES[name]), np.uint8(ZEROS[name])
        ends = [f"{name}_s", f"{name}_z"]
        nodes.append(helper.make_node("QuantizeLinear", [source, *ends], [f"{name}_q"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", *ends], [f"{name}_dq"]))
        return f"{name}_dq"

    def layer(op: str, source: str, name: str, before: str, shape: tuple[int, ...], **attributes: Any) -> str:
        scale = (np.exp(G.uniform(-1, 1, shape[0])) * 0.004).astype(np.float32)
        constants[f"{name}_w"] = G.integers(-127, 128, shape).astype(np.int8)
        constants[f"{name}_ws"], constants[f"{name}_wz"] = scale, np.zeros(shape[0], np.int8)
        constants[f"{name}_b"] = G.integers(-900, 900, shape[0]).astype(np.int32)
        constants[f"{name}_bs"] = (np.float32(SCALES[before]) * scale).astype(np.float32)
        constants[f"{name}_bz"] = np.zeros(shape[0], np.int32)
        for part in ("w", "b"):
            ins = [f"{name}_{part}", f"{name}_{part}s", f"{name}_{part}z"]
            nodes.append(helper.make_node("DequantizeLinear", ins, [f"{name}_{part}dq"], axis=0))
        ins = [source, f"{name}_wdq", f"{name}_bdq"]
        nodes.append(helper.make_node(op, ins, [f"{name}_o"], **attributes))
        return f"{name}_o"

    x = pair("x", "in")
    nodes.append(
        helper.make_node("Relu", [layer("Conv", x, "one", "x", (4, 3, 3, 3), strides=[2, 2])], ["r"])
    )
    a = pair("a", "r")
    same = {"pads": [1, 1, 1, 1], "group": 4}
    nodes.append(helper.make_node("Relu", [layer("Conv", a, "two", "a", (4, 1, 3, 3), **same)], ["r2"]))
    nodes.append(helper.make_node("Add", [a, pair("d", "r2")], ["sum"]))
    nodes.append(helper.make_node("Flatten", [pair("s", "sum")], ["flat"]))
    nodes.append(
        helper.make_node(
            "Identity", [pair("y", layer("Gemm", "flat", "last", "s", (5, 36), transB=1))], ["out"]
        )
    )
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def session(payload: bytes | str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(payload, options, providers=["CPUExecutionProvider"])


def test_every_grid_is_kept() -> None:
    model: ir.Model = ir.from_proto(qdq())
    canonicalize(model)
    kept = {round(high - low, 6) for low, high in declared_ranges(model).values()}
    assert kept >= {round(255 * scale, 6) for scale in SCALES.values()}


@pytest.mark.parametrize("target", ["cpu", "arm"])
def test_the_onnx_file_answers_bit_for_bit_as_its_source(target: str, tmp_path: Path) -> None:
    path = tmp_path / "source.onnx"
    onnx.save(qdq(), path)
    data = [G.standard_normal((1, 3, 8, 8)).astype(np.float32) * 1.5 for _ in range(200)]
    done = convert(
        path,
        output=tmp_path / "made.onnx",
        calibrate=data[:40],
        evaluate=data,
        scheme="static",
        target=target,
    )
    theirs, ours = session(str(path)), session(str(done.output))
    for sample in data:
        assert np.array_equal(theirs.run(None, {"in": sample})[0], ours.run(None, {"in": sample})[0])


def test_the_tflite_file_is_within_a_step_of_its_source(tmp_path: Path) -> None:
    path = tmp_path / "source.onnx"
    onnx.save(qdq(), path)
    data = [G.standard_normal((1, 3, 8, 8)).astype(np.float32) * 1.5 for _ in range(200)]
    done = convert(path, output=tmp_path / "made.tflite", calibrate=data[:40], evaluate=data, scheme="static")
    assert done.fidelity.outputs[0].max_abs_error <= SCALES["y"] * 1.01
