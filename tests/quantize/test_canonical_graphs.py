"""Graphs as the passes leave them: every value measured, every node planned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.converters.passes import canonicalize
from edgemm.quantize import Precision, calibrate, check_plan, make_plan

Make = Callable[..., Any]


@pytest.fixture
def network(build: Make, weights: Make) -> ir.Model:
    """As exporters write it: batch norm, automatic padding, a ceil-mode pool, Flatten, MatMul and Add."""
    model: ir.Model = build(
        """graph (float[1, 3, 9, 9] x) => (float[1, 5] y) {
            c = Conv <auto_pad = "SAME_UPPER", kernel_shape = [3, 3]> (x, w1)
            n = BatchNormalization (c, gain, shift, mean, variance)
            r = Relu (n)
            p = MaxPool <kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1> (r)
            q = AveragePool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], count_include_pad = 1> (p)
            s = Sigmoid (q)
            m = Mul (q, s)
            f = Flatten (m)
            d = Dropout (f)
            h = MatMul (d, w2)
            b = Add (h, b2)
            y = Softmax (b)
        }""",
        w1=weights(4, 3, 3, 3), gain=np.array([1, 2, 0.5, 1], np.float32), shift=weights(4), mean=weights(4, seed=3),
        variance=np.array([1, 2, 3, 0.1], np.float32), w2=weights(36, 5), b2=weights(5),
    )  # fmt: skip
    canonicalize(model)
    return model


@pytest.mark.parametrize("target", ["cpu", "x86", "arm", "tensorrt", "coral", "tflite-2.14"])
def test_a_plain_network_is_integer_throughout(network: ir.Model, noise: Make, target: str) -> None:
    plan = make_plan(network, calibrate(network, noise(network)), target=target)
    check_plan(network, plan)
    assert set(plan.precision.values()) == {Precision.INT8}


def test_every_value_of_a_canonical_graph_is_measured(network: ir.Model, noise: Make) -> None:
    calibration = calibrate(network, noise(network))
    made = {value.name for node in network.graph for value in node.outputs}
    assert set(calibration.ranges) == made | {"x"}


def test_a_canonical_graph_has_a_dynamic_plan(network: ir.Model) -> None:
    plan = make_plan(network, None)
    check_plan(network, plan)
    assert {
        node.op_type for node in network.graph if plan.precision[str(node.name)] is Precision.DYNAMIC
    } == {
        "Conv",
        "Gemm",
    }
