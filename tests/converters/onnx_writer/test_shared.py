from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper, parser

from edgemm.converters import convert


@pytest.fixture
def thrice(tmp_path: Path) -> Path:
    """A network that multiplies with the same weights three times, each time under another name."""
    proto = parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]>
        net (float[1,40] x) => (float[1,40] y) {
          a = MatMul (x, u)  b = Relu (a)  c = MatMul (b, v)  d = Relu (c)  y = MatMul (d, w)
        }"""
    )
    held = (np.random.default_rng(1).standard_normal((40, 40)) * 0.2).astype(np.float32)
    proto.graph.initializer.extend(numpy_helper.from_array(held, name) for name in "uvw")
    onnx.save(proto, tmp_path / "thrice.onnx")
    return tmp_path / "thrice.onnx"


@pytest.mark.parametrize(("scheme", "width"), [("float", 4), ("dynamic", 1), ("static", 1)])
def test_weights_that_are_used_three_times_are_stored_once(
    thrice: Path, tmp_path: Path, scheme: Any, width: int
) -> None:
    random = np.random.default_rng(2)
    data = [random.standard_normal((1, 40)).astype(np.float32) for _ in range(12)]
    done = convert(thrice, output=tmp_path / "out.onnx", calibrate=data, scheme=scheme, gate="off")
    stored = [each for each in onnx.load(done.output).graph.initializer if len(each.dims) == 2]
    assert [len(each.raw_data) for each in stored] == [40 * 40 * width]
    source, file = (onnxruntime.InferenceSession(path) for path in (thrice, done.output))
    for sample in data:
        expected, found = (each.run(None, {"x": sample})[0] for each in (source, file))
        noise = float(((found - expected) ** 2).sum())
        assert noise <= float((expected**2).sum()) * 10 ** (-12 if scheme == "float" else -2.0)
