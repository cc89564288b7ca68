"""A small network with a residual sum, its calibration, and sessions of onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime as ort
import pytest

from edgemm.converters.passes import canonicalize
from edgemm.quantize import Calibration, calibrate, make_plan
from edgemm.quantize.plan import Plan

TEXT = """
<ir_version: 8, opset_import: ["": 17]>
network (float[1,3,8,8] image) => (float[1,5] scores) {
    a = Conv<pads=[1,1,1,1]>(image, w1, b1)
    b = Clip(a, zero, six)
    c = Conv<pads=[1,1,1,1], group=8>(b, w2)
    d = LeakyRelu<alpha=0.1>(c)
    e = Add(b, d)
    f = Mul(e, gain)
    g = MaxPool<kernel_shape=[2,2], strides=[2,2]>(f)
    h = Flatten(g)
    i = Gemm<transB=1>(h, w3, b3)
    j = Relu(i)
    k = Gemm<transB=1>(j, w4, b4)
    scores = Softmax<axis=1>(k)
}
"""
Samples = list[dict[str, npt.NDArray[Any]]]


@pytest.fixture(scope="session")
def network() -> ir.Model:
    generator = np.random.default_rng(3)

    def weights(*shape: int) -> npt.NDArray[Any]:
        spread = np.sqrt(np.prod(shape[1:]) or 1)
        array: npt.NDArray[Any] = (generator.standard_normal(shape) / spread).astype(np.float32)
        return array

    proto = onnx.parser.parse_model(TEXT)
    constants = {
        "w1": weights(8, 3, 3, 3),
        "b1": weights(8),
        "w2": weights(8, 1, 3, 3),
        "w3": weights(16, 128),
        "b3": weights(16),
        "w4": weights(5, 16),
        "b4": weights(5),
        "gain": generator.uniform(0.5, 1.5, (1, 8, 1, 1)).astype(np.float32),
        "zero": np.float32(0),
        "six": np.float32(6),
    }
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()
    )
    model: ir.Model = ir.from_proto(proto)
    canonicalize(model)
    return model


@pytest.fixture(scope="session")
def samples() -> Samples:
    generator = np.random.default_rng(4)
    return [{"image": generator.standard_normal((1, 3, 8, 8)).astype(np.float32)} for _ in range(16)]


@pytest.fixture(scope="session")
def calibration(network: ir.Model, samples: Samples) -> Calibration:
    return calibrate(network, samples)


@pytest.fixture
def plan(network: ir.Model, calibration: Calibration) -> Callable[..., Plan]:
    def make(target: str = "cpu", scheme: str = "static", **options: Any) -> Plan:
        return make_plan(
            network, calibration if scheme == "static" else None, target=target, scheme=scheme, **options
        )

    return make


def session(payload: bytes, *, optimize: bool, saved: Path | None = None) -> ort.InferenceSession:
    options = ort.SessionOptions()
    levels = ort.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimize else levels.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if saved is not None:
        options.optimized_model_filepath = str(saved)
    return ort.InferenceSession(payload, options, providers=["CPUExecutionProvider"])


@pytest.fixture
def run() -> Callable[..., npt.NDArray[Any]]:
    """Runs a payload on one sample: the first output."""

    def once(payload: bytes, sample: dict[str, npt.NDArray[Any]], optimize: bool = False) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = session(payload, optimize=optimize).run(None, sample)[0]
        return found

    return once


@pytest.fixture
def executed(tmp_path: Path) -> Callable[[bytes], list[str]]:
    """The operators that onnxruntime executes in the end."""

    def operators(payload: bytes) -> list[str]:
        saved = tmp_path / "optimized.onnx"
        session(payload, optimize=True, saved=saved)
        return [node.op_type for node in onnx.load(saved).graph.node]

    return operators


@pytest.fixture
def written() -> Callable[[bytes], ir.Model]:
    def read(payload: bytes) -> ir.Model:
        model: ir.Model = ir.from_proto(onnx.load_model_from_string(payload))
        return model

    return read
