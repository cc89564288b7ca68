"""Convolutions with int8 weights that quantize what they read while running."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.converters.onnx_writer import write_onnx
from edgemm.errors import ConversionError
from edgemm.quantize import Reference, check_plan, make_plan
from edgemm.quantize.legality import may_be_hybrid
from edgemm.quantize.plan import Plan, Precision


def hybrid(model: ir.Model) -> Plan:
    """The dynamic plan with every convolution that may be hybrid being so."""
    plan = make_plan(model, None, scheme="dynamic")
    able = {str(node.name): Precision.HYBRID for node in model.graph if may_be_hybrid(node)}
    return replace(plan, precision={**plan.precision, **able})


@pytest.mark.parametrize(
    ("case_name", "count"), [("mobilenet", 2), ("audio", 1), ("conv_grouped", 1), ("conv_same", 0)]
)
def test_a_hybrid_convolution_keeps_its_weights_and_its_output(
    named: Callable[[str], Any],
    run: Callable[..., Any],
    codes: Callable[..., list[str]],
    kernels: str,
    case_name: str,
    count: int,
) -> None:
    network = named(case_name)
    plan = hybrid(network.model)
    check_plan(network.model, plan)
    found = [each for each in plan.precision.values() if each is Precision.HYBRID]
    assert len(found) >= count
    assert bool(found) == bool(count)
    file = network.write(plan)
    unpacked = sum(
        plan.precision[str(node.name)] is Precision.DYNAMIC and node.op_type == "Conv"
        for node in network.model.graph
    )
    assert codes(file).count("DEQUANTIZE") == unpacked  # of hybrid ones no weights are made real
    source = Reference(network.model)
    for sample in network.samples[:3]:
        expected = next(iter(source.run(sample).values()))
        (answer,) = run(file, sample, kernels)
        # 8 bits of weights and of what each layer reads: some 1/256 of the range each
        np.testing.assert_allclose(answer, expected, rtol=0, atol=0.03 * np.ptp(expected))


def test_the_emulation_rounds_what_a_hybrid_convolution_reads(
    network: Callable[..., Any], weights: Callable[..., Any], run: Callable[..., Any]
) -> None:
    layer = network(
        "one (float[1,8,9,9] x) => (float[1,8,7,7] y) { y = Conv (x, w, b) }",
        w=weights(8, 8, 3, 3),
        b=weights(8),
    )
    file = layer.write(hybrid(layer.model))
    plans = hybrid(layer.model), make_plan(layer.model, None, scheme="dynamic")
    rounded, plain = (Reference(write_onnx(layer.model, each).payload, optimize=False) for each in plans)
    for sample in layer.samples[:4]:
        (answer,) = run(file, sample)
        off = [np.abs(answer - each.run(sample)["y"]).max() for each in (rounded, plain)]
        assert off[0] < 0.2 * off[1]


def test_a_depthwise_convolution_is_no_hybrid(named: Callable[[str], Any]) -> None:
    network = named("conv_same")
    name = str(next(node.name for node in network.model.graph if node.op_type == "Conv"))
    plan = make_plan(network.model, None, scheme="dynamic")
    with pytest.raises(ConversionError, match="hybrid"):
        check_plan(network.model, replace(plan, precision={**plan.precision, name: Precision.HYBRID}))
