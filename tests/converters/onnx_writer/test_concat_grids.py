"""A Concat whose inputs keep their grids: what reads a Relu's numbers elsewhere computes on integers all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime as ort
import pytest

from edgemm.converters.onnx_writer import check_onnx, write_onnx
from edgemm.converters.passes import canonicalize
from edgemm.quantize import calibrate, make_plan
from edgemm.quantize.target import target

SKIP = """
<ir_version: 8, opset_import: ["": 17]>
skip (float[1,3,16,16] x) => (float[1,4,16,16] y) {
    a = Conv<pads=[1,1,1,1]>(x, w1, b1)
    r = {limit}
    p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r)
    d = Conv<pads=[1,1,1,1]>(p, w2, b2)
    u = ConvTranspose<kernel_shape=[2,2], strides=[2,2]>(d, w3)
    c = Concat<axis=1>(r, u)
    y = Conv(c, w4, b4)
}
"""


def skip(limit: str) -> tuple[ir.Model, list[dict[str, Any]]]:
    """A level of a U-Net: a limited convolution is read by a pool and, beside what has any sign, by a Concat."""
    generator = np.random.default_rng(5)
    proto = onnx.parser.parse_model(SKIP.replace("{limit}", limit))
    shapes = {
        "w1": (8, 3, 3, 3),
        "b1": (8,),
        "w2": (8, 8, 3, 3),
        "b2": (8,),
        "w3": (8, 8, 2, 2),
        "w4": (4, 16, 1, 1),
    }
    for name, shape in (shapes | {"b4": (4,)}).items():
        array = generator.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array.astype(np.float32), name))
    for name, end in (("zero", 0.0), ("end", 0.5)):
        proto.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(end), name))
    model: ir.Model = ir.from_proto(proto)
    canonicalize(model)
    return model, [{"x": generator.standard_normal((1, 3, 16, 16)).astype(np.float32)} for _ in range(8)]


@pytest.mark.parametrize("name", ["cpu", "vnni"])
@pytest.mark.parametrize("limit", ["Relu(a)", "Clip(a, zero, end)"])
def test_every_convolution_beside_a_concat_is_an_integer_one(
    executed: Callable[[bytes], list[str]], run: Any, name: str, limit: str
) -> None:
    model, samples = skip(limit)
    plan = make_plan(model, calibrate(model, samples), target=target(name, "onnx"))
    payload = write_onnx(model, plan).payload
    check_onnx(payload)
    operators = executed(payload)
    assert operators.count("QLinearConv") == 3
    assert "QLinearConcat" in operators
    assert not {"Conv", "FusedConv", "Relu", "Clip"} & set(operators)
    source = ort.InferenceSession(ir.to_proto(model).SerializeToString())
    for sample in samples:
        truth = source.run(None, sample)[0]
        step = plan.activations["y"].scalar
        for optimize in (False, True):
            assert (
                np.abs(run(payload, sample, optimize=optimize) - truth).max() < 8 * step
            )  # five layers of 8 bits
