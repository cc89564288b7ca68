"""What onnx's version converter leaves invalid is mended."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx.checker
import onnx_ir as ir
import onnxruntime as ort
import pytest

from edgemm.converters.passes import canonicalize


@pytest.mark.parametrize("mode", ["reflect", "edge"])
@pytest.mark.parametrize("opset", [9, 10])
def test_a_pad_without_constant_may_name_a_value(build: Any, canonical: Any, mode: str, opset: int) -> None:
    text = f"""g (float[1,1,4,5] x) => (float[1,1,7,5] y) {{
        y = Pad<mode="{mode}", pads=[0,0,2,0,0,0,1,0], value=0.0>(x)
    }}"""
    model = canonical(build(text, opset=opset))
    onnx.checker.check_model(ir.to_proto(model))


@pytest.mark.parametrize("dtype", ["float16", "double"])
@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("Clip<min=-0.5, max=1.0>(x)", [-0.5, -0.5, 0, 1, 1]),
        ("Clip<max=0.25>(x)", [-2, -1, 0, 0.25, 0.25]),
        ("Pad<pads=[1,0], value=1.5>(x)", [1.5, -2, -1, 0, 1, 2]),
    ],
)
def test_limits_and_values_have_the_type_of_the_data(
    build: Any, dtype: str, node: str, expected: list[float]
) -> None:
    model = build(f"g ({dtype}[5] x) => ({dtype}[{len(expected)}] y) {{ y = {node} }}", opset=9)
    canonicalize(model)
    session = ort.InferenceSession(ir.to_proto(model).SerializeToString())
    (found,) = session.run(None, {"x": np.arange(-2, 3, dtype=np.float32)})
    assert found.tolist() == expected  # each a short binary fraction
