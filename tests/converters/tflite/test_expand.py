"""Operators that are written out: the same numbers as ONNX Runtime's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest

from edgemm.converters.passes import canonicalize
from edgemm.converters.tflite import check_tflite, write_tflite
from edgemm.converters.tflite.expand import expand_for_tflite
from edgemm.converters.tflite.lower import LOWERINGS
from edgemm.quantize import make_plan
from edgemm.quantize.reference import Reference
from tests.converters.tflite.conftest import Network, run_tflite

HEAD = '<ir_version: 8, opset_import: ["": 17]>\n'
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "layer norm": (
        "g (float[2,3,8] x) => (float[2,3,8] y) { y = LayerNormalization<axis=-1>(x, s, b) }",
        {"s": np.linspace(0.5, 2, 8), "b": np.linspace(-1, 1, 8)},
    ),
    "layer norm over two axes, without bias": (
        "g (float[2,3,8] x) => (float[2,3,8] y) { y = LayerNormalization<axis=1, epsilon=0.1>(x, s) }",
        {"s": np.linspace(0.5, 2, 24).reshape(3, 8)},
    ),
    "erf": ("g (float[4,64] x) => (float[4,64] y) { y = Erf(x) }", {}),
    "instance norm": (
        "g (float[2,3,4,5] x) => (float[2,3,4,5] y) { y = InstanceNormalization(x, s, b) }",
        {"s": np.linspace(0.5, 2, 3), "b": np.linspace(-1, 1, 3)},
    ),
    "lp norm": ("g (float[2,3,8] x) => (float[2,3,8] y) { y = LpNormalization<axis=1, p=1>(x) }", {}),
    "hardmax": ("g (float[2,3,8] x) => (float[2,3,8] y) { y = Hardmax<axis=1>(x) }", {}),
    "depth to space": ("g (float[1,8,2,3] x) => (float[1,2,4,6] y) { y = DepthToSpace<blocksize=2>(x) }", {}),
    "depth to space, columns first": (
        'g (float[1,8,2,3] x) => (float[1,2,4,6] y) { y = DepthToSpace<blocksize=2, mode="CRD">(x) }',
        {},
    ),
    "space to depth": ("g (float[1,2,4,6] x) => (float[1,8,2,3] y) { y = SpaceToDepth<blocksize=2>(x) }", {}),
    "trilu": ("g (float[2,5,6] x) => (float[2,5,6] y) { y = Trilu<upper=0>(x) }", {}),
    "sum of three": ("g (float[3,4] x) => (float[3,4] y) { y = Sum(x, x, s) }", {"s": np.linspace(0, 1, 4)}),
    "mean of three": (
        "g (float[3,4] x) => (float[3,4] y) { y = Mean(x, s, s) }",
        {"s": np.linspace(0, 1, 4)},
    ),
    "vector": ("g (float[3,4] x) => (float[3] y) { y = MatMul(x, s) }", {"s": np.linspace(0, 1, 4)}),
    "l1": ("g (float[3,4] x) => (float[3] y) { y = ReduceL1<axes=[1], keepdims=0>(x) }", {}),
    "log of sum of exponentials": (
        "g (float[3,4] x) => (float[3,1] y) { y = ReduceLogSumExp<axes=[1]>(x) }",
        {},
    ),
    "softplus": ("g (float[4,64] x) => (float[4,64] y) { y = Softplus(x) }", {}),
    "selu": ("g (float[4,64] x) => (float[4,64] y) { y = Selu(x) }", {}),
    "elu": ("g (float[4,64] x) => (float[4,64] y) { y = Elu<alpha=2.0>(x) }", {}),
    "hard sigmoid": ("g (float[4,64] x) => (float[4,64] y) { y = HardSigmoid(x) }", {}),
    "thresholded relu": ("g (float[4,64] x) => (float[4,64] y) { y = ThresholdedRelu<alpha=0.5>(x) }", {}),
    "resize, linear": (
        'g (float[2,5,6] x) => (float[2,10,9] y) { y = Resize<mode="linear">(x, , s) }',  # over channels too
        {"s": np.array([1, 2, 1.5])},
    ),
    "resize, cubic": (
        'g (float[1,2,5,6] x) => (float[1,2,10,12] y) { y = Resize<mode="cubic">(x, , s) }',
        {"s": np.array([1, 1, 2, 2])},
    ),
    "resize, nearest": (
        'g (float[1,2,6,4] x) => (float[1,2,9,5] y) { y = Resize<mode="nearest", nearest_mode="ceil">(x, , s) }',
        {"s": np.array([1, 1, 1.5, 1.25])},
    ),
}


def network(case: str) -> ir.Model:
    text, constants = CASES[case]
    proto = onnx.parser.parse_model(HEAD + text)
    arrays = {name: np.asarray(array, np.float32) for name, array in constants.items()}
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()
    )
    model: ir.Model = ir.from_proto(proto)
    canonicalize(model)
    return model


@pytest.mark.parametrize("written_out", CASES)
def test_what_is_written_out_computes_the_same(written_out: str) -> None:
    whole, parts = network(written_out), network(written_out)
    assert expand_for_tflite(parts) >= 1
    assert {node.op_type for node in parts.graph} <= set(LOWERINGS)
    shape = tuple(whole.graph.inputs[0].shape.numpy())  # type: ignore[union-attr]
    for scale in (1e-3, 1.0, 30.0):
        x = {"x": (np.random.default_rng(0).standard_normal(shape) * scale).astype(np.float32)}
        # Erf's polynomial is good to 1.5e-7, a division by a deviation to a few float32 steps.
        np.testing.assert_allclose(
            Reference(parts).run(x)["y"], Reference(whole).run(x)["y"], rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("written_out", CASES)
def test_what_is_written_out_can_be_written(written_out: str) -> None:
    model = network(written_out)
    expand_for_tflite(model)
    check_tflite(write_tflite(model, make_plan(model, None, scheme="float")).payload)


def test_log_sigmoid_stays_finite_where_the_sigmoid_is_zero() -> None:
    made = Network("g (float[1,8] x) => (float[1,8] y) { s = Sigmoid(x)  y = Log(s) }")
    expand_for_tflite(made.model)
    x = np.array([[-1e4, -200, -90, -15, -1, 0, 2, 80]], np.float32)
    found = run_tflite(made.write(made.float_plan()), {"x": x})[0]
    # log(1 + e) of a float32 e: its rounding of numbers around 1
    np.testing.assert_allclose(found, -np.logaddexp(0.0, -x.astype(np.float64)), rtol=1e-6, atol=2e-7)


def test_erf_of_zero_and_beyond() -> None:
    model = network("erf")
    expand_for_tflite(model)
    x = np.zeros((4, 64), np.float32)
    x[0, :4] = (0.0, -0.0, 100.0, -100.0)
    found = Reference(model).run({"x": x})["y"]
    np.testing.assert_allclose(found[0, :4], [0.0, 0.0, 1.0, -1.0], atol=1e-7)
