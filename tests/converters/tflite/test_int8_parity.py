"""The integer file and the Q/DQ file of one plan compute the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgemm.converters.onnx_writer import write_onnx
from edgemm.converters.tflite.schema import enum, schema
from edgemm.errors import UnsupportedOperator
from edgemm.quantize import Reference, make_plan
from edgemm.quantize.target import TARGETS

ONE_STEP = 1.001
"""Grid steps: one rounding may fall either way; the rest is float32."""


def test_int8_file_agrees_with_the_qdq_file(
    named: Callable[[str], Any], run: Callable[..., Any], case: str
) -> None:
    network = named(case)
    plan = network.static_plan()
    file = network.write(plan)
    reference = Reference(write_onnx(network.model, plan, io="float").payload, optimize=False)
    for sample in network.samples[:3]:
        outputs = zip(file.outputs, run(file, sample), reference.run(sample).values(), strict=True)
        for port, found, expected in outputs:
            step = port.spec.scale or np.ptp(expected) * 1e-5  # a float output: as the float files
            np.testing.assert_allclose(found, expected, rtol=0, atol=ONE_STEP * step)


def test_inputs_and_outputs_are_on_the_plan_s_grids(named: Callable[[str], Any]) -> None:
    network = named("mobilenet")
    plan = network.static_plan()
    file = network.write(plan)
    for port in (*file.inputs, *file.outputs):
        grid = plan.activations[port.spec.name]
        assert (port.spec.dtype, port.spec.scale, port.spec.zero_point) == (
            "int8",
            grid.scalar,
            grid.zero_point,
        )


def test_a_node_left_in_float_is_between_conversions(
    named: Callable[[str], Any], codes: Callable[..., list[str]]
) -> None:
    network = named("residual")
    second = [str(node.name) for node in network.model.graph if node.op_type == "Conv"][1]
    file = network.write(network.static_plan(float_nodes=[second]))
    assert codes(file) == ["CONV_2D", "DEQUANTIZE", "CONV_2D", "QUANTIZE", "ADD"]


@pytest.mark.parametrize("case_name", ["mobilenet", "audio", "matmul_constant", "conv_grouped"])
def test_dynamic_weights_keep_the_output(
    named: Callable[[str], Any], run: Callable[..., Any], kernels: str, case_name: str
) -> None:
    network = named(case_name)
    file = network.write(network.dynamic_plan())
    pairs = [
        (run(file, sample, kernels)[0], Reference(network.model).run(sample)["y"])
        for sample in network.samples
    ]
    found, expected = (np.stack(each) for each in zip(*pairs, strict=True))
    noise = np.square(found - expected).sum()
    assert 10 * np.log10(np.square(expected).sum() / noise) > 30  # dB; garbage from a wrong kernel is near 0


@pytest.mark.parametrize(("target", "scales", "version"), [("cpu", 10, 12), ("tflite-2.14", 1, 3)])
def test_dynamic_dense_weights_are_what_the_target_runs(
    named: Callable[[str], Any], target: str, scales: int, version: int
) -> None:
    network = named("plain")  # several scales are garbage in the hybrid kernel of tflite-runtime 2.14
    plan = make_plan(network.model, None, scheme="dynamic", target=target)
    gemm = next(str(node.name) for node in network.model.graph if node.op_type == "Gemm")
    assert plan.weights[gemm, 1].scale.shape == (scales,)
    file = network.write(plan)
    assert file.inputs[0].spec.dtype == "float32"
    codes = schema().ModelT.InitFromPackedBuf(file.payload, 0).operatorCodes
    dense = enum("BuiltinOperator", "FULLY_CONNECTED")
    assert [code.version for code in codes if code.builtinCode == dense] == [version]


def test_an_operator_that_the_target_lacks_is_refused(named: Callable[[str], Any]) -> None:
    network = named("plain")
    plan = make_plan(network.model, None, scheme="dynamic")
    old = replace(plan, target=TARGETS["tflite-2.14"])
    with pytest.raises(UnsupportedOperator, match=r"needs runtime 2.17.0, target tflite-2.14"):
        network.write(old)
