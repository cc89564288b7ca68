"""Normalizations in static int8: a quiet channel, whose variance is small beside the others', is not lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime as ort
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgemm.converters import convert
from edgemm.converters.conversion import Settings
from edgemm.converters.fidelity import snr_db

GAIN = np.array([1.0, 1.0, 1.0, 0.1], np.float32)
"""Of each channel: the last one's variance is a hundredth of the others'."""
NORMS = {
    "instance": "y = InstanceNormalization(a, scale, bias)",
    "group": """
        g = Reshape(a, grouped) m = ReduceMean<axes=[2]>(g) o = Sub(g, m) q = Mul(o, o)
        v = ReduceMean<axes=[2]>(q) e = Add(v, epsilon) d = Sqrt(e) u = Div(o, d) y = Reshape(u, whole)""",
}


@pytest.mark.parametrize("norm", NORMS)
def test_a_quiet_channel_keeps_its_signal(tmp_path: Path, norm: str) -> None:
    steps = f"s = Mul(x, gain) a = LeakyRelu<alpha=0.9>(s) {NORMS[norm]}"
    text = f"g (float[1,4,6,8] x) => (float[1,4,6,8] y) {{ {steps} }}"
    proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]>\n{text}')
    constants: dict[str, Any] = {
        "gain": GAIN[:, None, None], "scale": np.ones(4, np.float32), "bias": np.zeros(4, np.float32),
        "epsilon": np.float32(1e-5), "grouped": np.array([1, 4, 48]), "whole": np.array([1, 4, 6, 8]),
    }  # fmt: skip
    used = {name for node in proto.graph.node for name in node.input}
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(array), name)
        for name, array in constants.items()
        if name in used
    )
    onnx.save(proto, tmp_path / "norm.onnx")
    generator = np.random.default_rng(0)
    data = [generator.standard_normal((1, 4, 6, 8)).astype(np.float32) for _ in range(16)]
    convert(
        tmp_path / "norm.onnx",
        output=tmp_path / "norm.tflite",
        calibrate=data,
        scheme="static",
        gate="off",
        settings=Settings(keep_layout=True),
    )
    (expected,) = ort.InferenceSession(tmp_path / "norm.onnx").run(None, {"x": data[0]})
    found = _run(tmp_path / "norm.tflite", data[0])
    # Some 3.5 steps to a standard deviation, 0.29 of a step of noise: 22 dB. With its variance in integers: 11 or NaN.
    assert snr_db(expected[:, 3], found[:, 3]) > 20.0


def _run(path: Path, x: Any) -> Any:
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (entry,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero_point = entry["quantization"]
    interpreter.set_tensor(
        entry["index"], np.clip(np.rint(x / scale) + zero_point, -128, 127).astype(np.int8)
    )
    interpreter.invoke()
    scale, zero_point = out["quantization"]
    return (interpreter.get_tensor(out["index"]).astype(np.float32) - zero_point) * (scale or 1.0)
