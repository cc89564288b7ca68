"""Functions in .onnx files: standard nodes of every opset, that onnxruntime fuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest

from edgemm.converters.onnx_writer import check_onnx, write_onnx
from edgemm.converters.passes import canonicalize
from edgemm.quantize import calibrate, make_plan
from edgemm.quantize.target import target
from tests.converters.passes.conftest import from_text, run

ONE = {"g": np.linspace(0.5, 2, 8, dtype=np.float32), "b": np.linspace(-1, 1, 8, dtype=np.float32)}
CASES = {
    "Gelu": ("y = Gelu(x)", 20),
    "FastGelu": ('y = Gelu<approximate="tanh">(x)', 20),
    "LayerNormalization": ("y = LayerNormalization<axis=-1, epsilon=0.1>(x, g, b)", 17),
    "HardSwish": ("y = HardSwish(x)", 17),
}


def written(case: str, opset: int) -> tuple[bytes, list[np.ndarray]]:
    """The file, and what the source computes."""
    body, version = CASES[case]
    used = {
        name: array for name, array in ONE.items() if f" {name}" in body.replace(",", " ").replace(")", " ")
    }
    source = from_text(f"g (float[4,8] x) => (float[4,8] y) {{ {body} }}", opset=version, **used)
    expected = run(source)
    canonicalize(source)
    return write_onnx(source, make_plan(source, None, scheme="float"), opset=opset).payload, expected


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("opset", [13, 14, 17, 20, 21])
def test_every_opset_computes_the_same(case: str, opset: int) -> None:
    payload, expected = written(case, opset)
    check_onnx(payload)
    model = onnx.load_model_from_string(payload)
    assert {node.domain for node in model.graph.node} == {""}
    assert "com.microsoft" not in {entry.domain for entry in model.opset_import}
    session = ort.InferenceSession(payload, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)
    np.testing.assert_allclose(session.run(None, {"x": x})[0], expected[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("opset", [13, 17, 18])
@pytest.mark.parametrize("length", [0.0, 6e-14, 1.0])
@pytest.mark.parametrize("limited", [True, False])
def test_short_vectors_keep_the_limit_of_the_source(opset: int, length: float, limited: bool) -> None:
    body = (
        "n = ReduceL2<axes=[-1]>(x)  l = Max(n, tiny)  y = Div(x, l)" if limited else "y = LpNormalization(x)"
    )
    source = from_text(f"g (float[4,8] x) => (float[4,8] y) {{ {body} }}", tiny=np.array(1e-12, np.float32))
    canonicalize(source)
    assert [node.op_type for node in source.graph] == ["LpNormalization"]
    payload = write_onnx(source, make_plan(source, None, scheme="float"), opset=opset).payload
    x = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)
    x *= np.float32(length) / np.linalg.norm(x, axis=1, keepdims=True)
    size = np.sqrt((x.astype(np.float64) ** 2).sum(axis=1, keepdims=True))
    expected = x / np.maximum(size, 1e-12 if limited else 1e-300)
    session = ort.InferenceSession(payload, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"x": x})[0], expected, rtol=1e-5, atol=1e-7)


def test_gelu_is_one_operator_from_its_opset_on() -> None:
    payload, _ = written("FastGelu", 20)
    nodes = onnx.load_model_from_string(payload).graph.node
    assert [(node.op_type, node.attribute[0].s) for node in nodes] == [("Gelu", b"tanh")]


@pytest.mark.parametrize("case", ["Gelu", "FastGelu"])
def test_onnxruntime_fuses_the_nodes_again(case: str, tmp_path: Path) -> None:
    body = CASES[case][0].replace("(x)", "(a)").replace("y =", "b =")
    source = from_text(f"g (float[4,8] x) => (float[4,8] y) {{ a = Sin(x)  {body}  y = Cos(b) }}", opset=20)
    canonicalize(source)
    payload = write_onnx(source, make_plan(source, None, scheme="float")).payload
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "fused.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(payload, options, providers=["CPUExecutionProvider"])
    assert [node.op_type for node in onnx.load(tmp_path / "fused.onnx").graph.node] == ["Sin", case, "Cos"]


@pytest.mark.parametrize("case", ["Gelu", "FastGelu"])
def test_onnxruntime_fuses_them_behind_integers_too(case: str, tmp_path: Path) -> None:
    body = CASES[case][0].replace("(x)", "(a)").replace("y =", "b =")
    weights = np.random.default_rng(1).standard_normal((8, 8, 1, 1)).astype(np.float32)
    text = f"g (float[1,8,4,4] x) => (float[1,8,4,4] y) {{ a = Conv(x, w)  {body}  y = Conv(b, w) }}"
    source = from_text(text, opset=20, w=weights)
    samples = [
        {"x": np.random.default_rng(at).standard_normal((1, 8, 4, 4)).astype(np.float32)} for at in range(8)
    ]
    truth = np.stack(
        [ort.InferenceSession(ir.to_proto(source).SerializeToString()).run(None, each)[0] for each in samples]
    )
    canonicalize(source)
    payload = write_onnx(
        source, make_plan(source, calibrate(source, samples), target=target("vnni", "onnx"))
    ).payload
    check_onnx(payload)
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "fused.onnx")
    options.log_severity_level = 3
    session = ort.InferenceSession(payload, options, providers=["CPUExecutionProvider"])
    fused = [node.op_type for node in onnx.load(tmp_path / "fused.onnx").graph.node]
    assert case in fused
    assert fused.count("QLinearConv") == 2
    assert not {"Erf", "Tanh"} & set(fused)
    found = np.stack([session.run(None, each)[0] for each in samples])
    assert 10 * np.log10(np.mean(truth**2) / np.mean((found - truth) ** 2)) > 30  # three layers of 8 bits
