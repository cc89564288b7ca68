"""Functions that TFLite has as one operator, and what becomes of the others: operators, numbers, int8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime as ort
import pytest

from edgemm.converters import convert
from edgemm.converters.tflite.expand import expand_for_tflite
from edgemm.quantize import Precision
from edgemm.quantize.functions import limit_length
from edgemm.quantize.reference import Reference
from tests.converters.tflite.conftest import Network, normal, operator_codes, run_tflite

ERF = "d = Div(z, root)  e = Erf(d)  a = Add(e, one)  m = Mul(z, a)  f = Mul(m, half)"
TANH = "p = Pow(z, three)  q = Mul(p, cubic)  r = Add(z, q)  t = Mul(r, steep)  u = Tanh(t)  v = Add(u, one) "
TANH += "w = Mul(z, half)  f = Mul(w, v)"
NORM = "f = LayerNormalization<axis=-1>(z, g, b)"
MEAN_SQUARE = "p = Mul(z, z)  m = ReduceMean<axes=[-1]>(p)  a = Add(m, small)  s = Sqrt(a)  f = Div(z, s)"
LENGTH = "n = ReduceL2<axes=[-1]>(z)  l = Clip(n, tiny)  f = Div(z, l)"
SHORT_LENGTH = "n = ReduceL2<axes=[-1]>(z)  l = Max(n, tiniest)  f = Div(z, l)"
SQUARE_LENGTH = "p = Mul(z, z)  t = ReduceSum(p, last)  l = Max(t, tiny)  s = Sqrt(l)  f = Div(z, s)"
BARE_LENGTH = "f = LpNormalization<axis=-1>(z)"
BARE_ERF = "f = Erf(z)"
NUMBERS: dict[str, Any] = {
    "root": np.float32(np.sqrt(2)), "one": np.float32(1), "half": np.float32(0.5), "three": np.float32(3),
    "cubic": np.float32(0.044715), "steep": np.float32(np.sqrt(2 / np.pi)), "small": np.float32(1e-6),
    "tiny": np.float32(1e-12), "tiniest": np.float32(1e-20), "last": np.array([-1], np.int64),
    "g": normal(16, scale=1.0), "b": normal(16, seed=1),
}  # fmt: skip


def layers(function: str) -> tuple[str, dict[str, Any]]:
    """Two fully connected layers, the function between them, and the constants."""
    used = {name: array for name, array in NUMBERS.items() if f", {name}" in function}
    first, second = "z = Gemm<transB=1>(x, w1, c1)", "y = Gemm<transB=1>(f, w2, c2)"
    text = f"g (float[4,8] x) => (float[4,5] y) {{ {first}  {function}  {second} }}"
    return text, {
        "w1": normal(16, 8, scale=1.0),
        "c1": normal(16),
        "w2": normal(5, 16),
        "c2": normal(5),
        **used,
    }


def between_layers(function: str) -> Network:
    """The network, ready for TFLite."""
    text, constants = layers(function)
    made = Network(text, **constants)
    expand_for_tflite(made.model)
    return made


def reference(function: str) -> Reference:
    """The source as onnxruntime runs it, nothing recognized."""
    text, constants = layers(function)
    proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]>\n{text}')
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(a, n) for n, a in constants.items())
    return Reference(ir.from_proto(proto))


CODES = {
    ERF: ["GELU"],
    TANH: ["GELU"],
    NORM: ["MEAN", "SUB", "MUL", "MEAN", "ADD", "RSQRT", "MUL"],
    MEAN_SQUARE: ["MUL", "MEAN", "ADD", "RSQRT", "MUL"],
    LENGTH: ["MUL", "SUM", "MAXIMUM", "RSQRT", "MUL"],
    SHORT_LENGTH: ["MUL", "SUM", "SQRT", "MAXIMUM", "DIV"],
    SQUARE_LENGTH: ["L2_NORMALIZATION"],
    BARE_LENGTH: ["MUL", "SUM", "SQRT", "EQUAL", "SELECT_V2", "DIV"],
}


@pytest.mark.parametrize(("function", "codes"), CODES.items())
@pytest.mark.parametrize("kernels", ["xnnpack", "builtin"])
def test_operators_and_numbers_in_float(function: str, codes: list[str], kernels: str) -> None:
    network = between_layers(function)
    file = network.write(network.float_plan())
    assert operator_codes(file)[1:-1] == codes
    plain = reference(function)
    for sample in network.samples[:4]:
        # a few float32 roundings of sums of 16 products
        np.testing.assert_allclose(
            run_tflite(file, sample, kernels)[0], plain.run(sample)["y"], rtol=1e-4, atol=2e-5
        )


@pytest.mark.parametrize("function", [*CODES, BARE_ERF])
def test_int8_keeps_the_function(function: str) -> None:
    network, plain = between_layers(function), reference(function)
    file = network.write(network.static_plan())
    expected = np.stack([plain.run(sample)["y"] for sample in network.samples])
    found = np.stack([run_tflite(file, sample)[0] for sample in network.samples])
    noise = 10 * np.log10(np.mean(expected**2) / np.mean((found - expected) ** 2))
    assert noise > 25  # two int8 layers leave about 30 dB, a function on bad grids 0 to 15


def test_inner_values_of_a_written_out_function_are_on_no_grid() -> None:
    network = between_layers(BARE_ERF)
    plan = network.static_plan()
    inside = [node for node in network.model.graph if node.op_type != "Gemm"]
    assert len(inside) > 10
    assert all(plan.precision[str(node.name)] is not Precision.INT8 for node in inside)


LENGTHS = {"torch": LENGTH, "tensorflow": SQUARE_LENGTH, "operator": BARE_LENGTH, "short": SHORT_LENGTH}


@pytest.mark.parametrize("function", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("length", [0.0, 3e-17, 1e-12, 4e-8, 1e-6, 1.0])
def test_short_vectors_keep_the_limit_of_the_source(function: str, length: float) -> None:
    text = f"g (float[2,8] z) => (float[2,8] f) {{ {function} }}"
    used = {name: array for name, array in NUMBERS.items() if f", {name}" in function}
    proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]>\n{text}')
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in used.items())
    plain, network = Reference(ir.from_proto(proto)), Network(text, **used)
    expand_for_tflite(network.model)
    direction = normal(2, 8, scale=1.0)
    sample = {"z": direction / np.linalg.norm(direction, axis=1, keepdims=True) * np.float32(length)}
    found = run_tflite(network.write(network.float_plan()), sample)[0]
    # a few float32 roundings of numbers up to 1; TFLite's limit in the place of the source's is 0.3 off and more
    np.testing.assert_allclose(found, plain.run(sample)["f"], rtol=1e-5, atol=1e-7)


def test_vectors_on_a_grid_are_never_that_short() -> None:
    network = between_layers(BARE_LENGTH)
    assert "L2_NORMALIZATION" in operator_codes(network.write(network.static_plan()))


@pytest.mark.parametrize("function", [LENGTH, SQUARE_LENGTH, BARE_LENGTH])
def test_another_axis_than_the_last_is_not_moved(function: str) -> None:
    text = f"g (float[2,6,8] z) => (float[2,6,8] f) {{ {function.replace('-1', '1')} }}"
    network = Network(text, tiny=NUMBERS["tiny"], last=np.array([1], np.int64))
    expand_for_tflite(network.model)
    file = network.write(network.float_plan(), keep_layout=True)
    assert not {"TRANSPOSE", "L2_NORMALIZATION"} & set(operator_codes(file))
    z = network.samples[0]["z"]
    expected = z / np.linalg.norm(z, axis=1, keepdims=True)
    np.testing.assert_allclose(run_tflite(file, {"z": z})[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "codes"),
    [(SQUARE_LENGTH, ["L2_NORMALIZATION"]), (LENGTH, ["MUL", "SUM", "MAXIMUM", "RSQRT", "MUL"])],
)
def test_function_over_channels_is_last_in_the_files_layout(function: str, codes: list[str]) -> None:
    body = function.replace("[-1]", "[1]").replace("f =", "y =")
    text = f"g (float[1,4,3,5] x) => (float[1,4,3,5] y) {{ z = Conv(x, w)  {body} }}"
    network = Network(text, w=normal(4, 4, 1, 1), tiny=NUMBERS["tiny"], last=np.array([1], np.int64))
    expand_for_tflite(network.model)
    file = network.write(network.float_plan())
    assert operator_codes(file) == ["CONV_2D", *codes]


def test_a_tflite_source_keeps_the_limit_of_its_kernel(tmp_path: Path) -> None:
    made = Network(f"g (float[1,8] z) => (float[1,8] f) {{ {BARE_LENGTH} }}")
    limit_length(next(iter(made.model.graph)).outputs[0], 1e-6)
    file = made.write(made.float_plan())
    assert operator_codes(file) == ["L2_NORMALIZATION"]
    (tmp_path / "source.tflite").write_bytes(file.payload)
    convert(tmp_path / "source.tflite", output=tmp_path / "made.onnx", scheme="float", gate="off")
    session = ort.InferenceSession(tmp_path / "made.onnx", providers=["CPUExecutionProvider"])
    short = np.full((1, 8), 4e-8, np.float32)
    found = session.run(None, {session.get_inputs()[0].name: short})[0]
    np.testing.assert_allclose(found, np.full((1, 8), 0.04), rtol=1e-5)
