"""A constant matrix on the right of a MatMul has a scale for each column: truth is NumPy."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import parser

import edgemm
from edgemm.converters import convert
from edgemm.converters.passes import canonicalize
from edgemm.quantize import calibrate, make_plan
from edgemm.quantize.target import TARGETS

Array = npt.NDArray[Any]
WIDE, TALL = 48, 96
HEAD = '<ir_version: 8, opset_import: ["" : 17]> g '


def weights() -> dict[str, Array]:
    """Two matrices, of which one number is a hundred times as large as the rest."""
    chance = np.random.default_rng(3)
    first, second = chance.normal(0, 0.05, (WIDE, TALL)), chance.normal(0, 0.05, (TALL, WIDE))
    first[5, 7] = 5.0
    return {"u": first.astype(np.float32), "v": second.astype(np.float32)}


def source(text: str, **constants: Array) -> ir.Model:
    proto = parser.parse_model(HEAD + text)
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(each, name) for name, each in constants.items()
    )
    return ir.serde.deserialize_model(onnx.shape_inference.infer_shapes(proto))


def layers() -> ir.Model:
    text = (
        f"(float[1,6,{WIDE}] x) => (float[1,6,{WIDE}] y) {{ a = MatMul(x, u) r = Relu(a) y = MatMul(r, v) }}"
    )
    return source(text, **weights())


def decibels(found: Array, truth: Array) -> float:
    return float(10 * np.log10(np.square(truth).sum() / np.square(found - truth).sum()))


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
@pytest.mark.parametrize("scheme", ["static", "dynamic"])
def test_one_large_number_costs_its_own_column_alone(scheme: Any, format_: str, tmp_path: Path) -> None:
    data = [np.random.default_rng(seed).normal(0, 1, (1, 6, WIDE)).astype(np.float32) for seed in range(16)]
    for each in data:
        each[..., 5] *= 0.01  # so that the large weight does not make up the answer
    path = tmp_path / f"net.{format_}"
    convert(layers(), output=path, scheme=scheme, target="vnni", calibrate=data, gate="off")
    known = weights()
    with edgemm.load(path) as model:
        (takes,), (gives,) = model.inputs, model.outputs
        for each in data[:4]:
            truth = np.maximum(each @ known["u"], 0) @ known["v"]
            (found,) = model.run({takes.name: takes.quantize(each)}).values()
            assert decibels(gives.dequantize(found), truth) > 25  # 13 with one scale for a matrix


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("scheme", ["static", "dynamic"])
def test_targets_that_have_one_scale_for_a_dense_layer_keep_it(name: str, scheme: Any) -> None:
    target = TARGETS[name]
    if scheme == "dynamic" and target.integer_only:
        pytest.skip("computes on integers alone")
    model = layers()
    canonicalize(model)
    data = [
        {"x": np.random.default_rng(seed).normal(0, 1, (1, 6, WIDE)).astype(np.float32)} for seed in range(4)
    ]
    plan = make_plan(
        model, calibrate(model, data) if scheme == "static" else None, target=target, scheme=scheme
    )
    many = target.gemm_per_channel if scheme == "static" else target.hybrid_per_channel
    sizes = [grid.scale.size for (_, index), grid in plan.weights.items() if index == 1]
    assert sizes == ([TALL, WIDE] if many else [1, 1])


def test_a_stack_of_matrices_has_one_scale() -> None:
    stack = np.random.default_rng(0).normal(0, 1, (2, 4, 3)).astype(np.float32)
    model = source("(float[2,5,4] x) => (float[2,5,3] y) { y = MatMul(x, w) }", w=stack)
    canonicalize(model)
    data = [
        {"x": np.random.default_rng(seed).normal(0, 1, (2, 5, 4)).astype(np.float32)} for seed in range(4)
    ]
    plan = make_plan(model, calibrate(model, data), target=TARGETS["vnni"])
    assert [grid.scale.size for grid in plan.weights.values()] == [1]


def test_onnx_runtime_fuses_them_all_the_same(tmp_path: Path) -> None:
    data = [np.random.default_rng(seed).normal(0, 1, (1, 6, WIDE)).astype(np.float32) for seed in range(8)]
    fused = {"static": "QLinearMatMul", "dynamic": "DynamicQuantizeMatMul"}
    for scheme, operator in fused.items():
        path, optimized = tmp_path / f"{scheme}.onnx", tmp_path / f"{scheme}.fused.onnx"
        convert(layers(), output=path, scheme=scheme, target="vnni", calibrate=data, gate="off")  # type: ignore[arg-type]
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(optimized)
        onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        counted = Counter(node.op_type for node in onnx.load(optimized).graph.node)
        assert counted[operator] == 2, counted
