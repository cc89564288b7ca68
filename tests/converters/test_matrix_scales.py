"""A matrix with one large number: what that costs stays in its column, in either format, and integers multiply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime as ort
import pytest

from edgemm import load
from edgemm.converters import convert

ROWS, WIDE = 16, 64
TEXT = f"""<ir_version: 8, opset_import: ["": 17]> g (float[1,{ROWS},{WIDE}] x) => (float[1,{ROWS},{WIDE}] y) {{
    a = MatMul(x, w)  b = Add(a, r)  y = MatMul(b, v) }}"""


def source(path: Path) -> tuple[onnx.ModelProto, list[Any]]:
    """Two products, each of whose matrices has one number a hundred times the others; and samples."""
    generator = np.random.default_rng(2)
    proto = onnx.parser.parse_model(TEXT)
    for name in "wv":
        matrix = generator.standard_normal((WIDE, WIDE)).astype(np.float32) / 8
        matrix[3, 5] = 12.0
        proto.graph.initializer.append(onnx.numpy_helper.from_array(matrix, name))
    row = generator.standard_normal(WIDE).astype(np.float32)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(row, "r"))
    onnx.save(proto, path)
    return proto, [generator.standard_normal((1, ROWS, WIDE)).astype(np.float32) for _ in range(24)]


@pytest.mark.parametrize(("scheme", "least"), [("static", 15.0), ("dynamic", 25.0)])
@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
def test_one_large_number_costs_its_column_alone(
    tmp_path: Path, suffix: str, scheme: str, least: float
) -> None:
    """With one scale for the whole matrix 3 dB were left of the other columns, of 64 numbers each."""
    proto, samples = source(tmp_path / "source.onnx")
    made = tmp_path / f"made.{suffix}"
    convert(
        tmp_path / "source.onnx", output=made, calibrate=samples, scheme=scheme, target="vnni", gate="off"
    )
    plain = ort.InferenceSession(proto.SerializeToString())
    truth = np.stack([plain.run(None, {"x": each})[0] for each in samples[-8:]])
    with load(made) as model:
        (x,), (y,) = model.inputs, model.outputs
        stored = [x.quantize(each) if x.dtype == "int8" else each for each in samples[-8:]]
        answers = [model.run({"x": each})["y"] for each in stored]
        found = np.stack([y.dequantize(each) if y.dtype == "int8" else each for each in answers])
    others = np.arange(WIDE) != 5
    noise = np.mean((found - truth)[..., others] ** 2)
    assert 10 * np.log10(np.mean(truth[..., others] ** 2) / noise) > least


@pytest.mark.parametrize(
    ("scheme", "wanted"), [("static", "QLinearMatMul"), ("dynamic", "DynamicQuantizeMatMul")]
)
def test_onnxruntime_multiplies_integers(tmp_path: Path, scheme: str, wanted: str) -> None:
    _, samples = source(tmp_path / "source.onnx")
    made = tmp_path / "made.onnx"
    convert(
        tmp_path / "source.onnx", output=made, calibrate=samples, scheme=scheme, target="vnni", gate="off"
    )
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(str(made), options, providers=["CPUExecutionProvider"])
    operators = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert operators.count(wanted) == 2
    assert "MatMul" not in operators
