"""Small canonical graphs from ONNX's text form, and data for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
import pytest
from onnx import numpy_helper, parser, shape_inference

Array = npt.NDArray[Any]
Build = Callable[..., ir.Model]
Draw = Callable[..., list[dict[str, Array]]]


def build(text: str, **constants: Any) -> ir.Model:
    """A model from `graph (float[..] x) => (float[..] y) { [name] y = Op (x) }` and constants by name."""
    proto = parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> {text}')
    for name, value in constants.items():
        array = np.asarray(value)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    proto = shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
    onnx.checker.check_model(proto)
    model: ir.Model = ir.from_proto(proto)
    return model


def noise(model: ir.Model, count: int = 16, seed: int = 0, scale: float = 1.0) -> list[dict[str, Array]]:
    """Seeded normal samples for every input of a model."""
    generator = np.random.default_rng(seed)
    return [
        {
            str(value.name): (generator.standard_normal(value.shape.numpy()) * scale).astype(np.float32)  # type: ignore[union-attr]
            for value in model.graph.inputs
        }
        for _ in range(count)
    ]


def weights(*shape: int, seed: int = 1, scale: float = 0.2) -> Array:
    """Seeded normal weights."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


@pytest.fixture(name="build")
def _build() -> Build:
    return build


@pytest.fixture(name="noise")
def _noise() -> Draw:
    return noise


@pytest.fixture(name="weights")
def _weights() -> Callable[..., Array]:
    return weights


CONV = "kernel_shape = [3, 3], strides = [1, 1], dilations = [1, 1], pads = [1, 1, 1, 1], group = 1"


@pytest.fixture
def residual() -> ir.Model:
    """Conv, Relu, Conv, a sum with the first Relu's output, Relu6, average, Gemm, Softmax."""
    return build(
        f"""graph (float[1, 3, 8, 8] x) => (float[1, 5] y) {{
            [conv1] a = Conv <{CONV}> (x, w1, b1)
            [relu1] r = Relu (a)
            [conv2] c = Conv <{CONV}> (r, w2, b2)
            [add] s = Add (r, c)
            [relu6] t = Clip (s, zero, six)
            [mean] g = GlobalAveragePool (t)
            [flat] f = Reshape (g, shape)
            [gemm] h = Gemm <transB = 1> (f, w3, b3)
            [softmax] y = Softmax <axis = 1> (h)
        }}""",
        w1=weights(4, 3, 3, 3), b1=weights(4), w2=weights(4, 4, 3, 3, seed=2), b2=weights(4, seed=3),
        w3=weights(5, 4, seed=4), b3=weights(5, seed=5), zero=np.float32(0), six=np.float32(6),
        shape=np.array([1, 4]),
    )  # fmt: skip
