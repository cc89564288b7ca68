"""Graphs from ONNX text, and onnxruntime without optimizations as the judge of what they compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime as ort
import pytest

from edgemm.converters.passes import canonicalize

Array = npt.NDArray[Any]
Build = Callable[..., ir.Model]
Canonical = Callable[..., ir.Model]


def from_text(text: str, opset: int = 17, **constants: Array) -> ir.Model:
    """`agraph (float[1,2] x) => (float[1,2] y) { ... }` with initializers by name."""
    proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}, "local": 1]>\n{text}')
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()
    )
    model: ir.Model = ir.from_proto(proto)
    return model


def run(model: ir.Model, seed: int = 0) -> list[Array]:
    """What the graph computes on seeded inputs."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    payload = ir.to_proto(model).SerializeToString()
    session = ort.InferenceSession(payload, options, providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(seed)
    inputs = [value for value in model.graph.inputs if value.const_value is None]
    feeds = {
        str(value.name): generator.standard_normal(value.shape.numpy()).astype(np.float32)
        for value in inputs
        if value.shape is not None
    }
    found: list[Array] = session.run(None, feeds)
    return found


@pytest.fixture
def build() -> Build:
    return from_text


@pytest.fixture
def canonical() -> Canonical:
    """Makes a copy canonical, and requires that it computes what the source does."""

    def check(source: ir.Model, tolerance: float = 1e-5) -> ir.Model:
        """The tolerance is of values around 1: folding reorders float32 sums."""
        copy = source.clone()
        canonicalize(copy)
        assert [value.name for value in copy.graph.outputs] == [value.name for value in source.graph.outputs]
        for expected, found in zip(run(source), run(copy), strict=True):
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
        assert canonicalize(copy).total == 0
        return copy

    return check


@pytest.fixture
def computed() -> Callable[[ir.Model], list[Array]]:
    """What onnxruntime says that a graph computes."""
    return run


@pytest.fixture
def operators() -> Callable[[ir.Model], list[str]]:
    return lambda model: [node.op_type for node in model.graph]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
