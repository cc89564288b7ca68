"""LayerNorm in spellings that ONNX Runtime's own optimizer takes for another function."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest

from edgemm.converters import convert
from edgemm.errors import ConversionError
from tests.converters.passes.conftest import Array, from_text, run

NORM = (
    "g (float[2,6,16] x) => (float[2,6,16] y) {{ z = Relu(x)  m = ReduceMean<axes=[-1]>(z)  f = Sub({})"
    "  p = Pow(f, two)  v = ReduceMean<axes=[-1]>(p)  a = Add(v, e)  s = Sqrt(a)  d = Div(f, s)  q = Mul(d, g)"
    "  y = Add(q, b) }}"
)
SINGLE, BY_CHANNEL = np.array(1e-5, np.float32), np.linspace(1e-5, 0.5, 16, dtype=np.float32)


def network(difference: str, epsilon: Array) -> ir.Model:
    numbers = np.random.default_rng(0).standard_normal((2, 16)).astype(np.float32)
    two = np.array(2, np.float32)
    return from_text(NORM.format(difference), two=two, e=epsilon, g=numbers[0], b=numbers[1])


def as_devices_run(path: Path) -> Array:
    """On the inputs of `run`, with the runtime's optimizations."""
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).standard_normal((2, 6, 16)).astype(np.float32)
    found: Array = session.run(None, {"x": x})[0]
    return found


def test_mean_minus_x_is_right_as_devices_run_it(tmp_path: Path) -> None:
    source = network("m, z", SINGLE)
    onnx.save(ir.to_proto(source), tmp_path / "source.onnx")
    convert(tmp_path / "source.onnx", output=tmp_path / "made.onnx", scheme="float", gate="off")
    np.testing.assert_allclose(as_devices_run(tmp_path / "made.onnx"), run(source)[0], rtol=1e-4, atol=1e-5)


def test_what_the_optimizer_gets_wrong_is_not_called_a_fault_of_the_converter(tmp_path: Path) -> None:
    source = network("z, m", BY_CHANNEL)
    onnx.save(ir.to_proto(source), tmp_path / "source.onnx")
    if np.allclose(as_devices_run(tmp_path / "source.onnx"), run(source)[0], atol=1e-3):
        pytest.skip("this onnxruntime's optimizer keeps an epsilon by channel")
    with pytest.raises(
        ConversionError, match=r"optimizer changes .* in the source too, up to node 'q' \(Mul\).*to \.tflite"
    ) as raised:
        convert(tmp_path / "source.onnx", output=tmp_path / "made.onnx", scheme="float", gate="off")
    assert "fault in the converter" not in str(raised.value)
    assert not (tmp_path / "made.onnx").exists()
    made = convert(tmp_path / "source.onnx", output=tmp_path / "made.tflite", scheme="float", gate="off")
    assert made.fidelity is not None
    assert made.fidelity.outputs[0].snr_db > 120
