"""Files of mixed plans: integers, int8 weights and float side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.converters.onnx_writer import write_onnx
from edgemm.quantize import Reference, calibrate, check_plan, make_plan
from edgemm.quantize.legality import dynamic_weights, may_be_hybrid
from edgemm.quantize.plan import Plan, Precision


def mixed(model: ir.Model, samples: Any) -> Plan:
    """Every second layer with int8 weights alone, the others on integers."""
    layers = [node for node in model.graph if dynamic_weights(node)][::2]
    names = [str(node.name) for node in layers]
    static = make_plan(model, calibrate(model, samples), scheme="static", float_nodes=names)
    dynamic = make_plan(model, None, scheme="dynamic")
    kinds = {
        str(node.name): Precision.HYBRID if may_be_hybrid(node) else Precision.DYNAMIC for node in layers
    }
    weights = {key: grid for key, grid in dynamic.weights.items() if key[0] in names}
    plan = replace(
        static,
        scheme="mixed",
        precision={**static.precision, **kinds},
        weights={**static.weights, **weights},
    )
    check_plan(model, plan)
    return plan


@pytest.mark.parametrize("case_name", ["mobilenet", "residual", "audio"])
def test_both_formats_of_a_mixed_plan_agree_with_the_source(
    named: Callable[[str], Any], run: Callable[..., Any], kernels: str, case_name: str
) -> None:
    network = named(case_name)
    plan = mixed(network.model, network.samples)
    assert {Precision.INT8} < set(plan.precision.values())
    file = network.write(plan)
    payload = write_onnx(network.model, plan).payload  # hybrid ones are in .onnx to emulate them alone
    source, written = Reference(network.model), Reference(payload, optimize=False)
    for sample in network.samples[:3]:
        expected = next(iter(source.run(sample).values()))
        (answer,) = run(file, sample, kernels)
        for found in (answer, next(iter(written.run(sample).values()))):
            # 8 bits in each layer: some 1/256 of the range each
            np.testing.assert_allclose(found, expected, rtol=0, atol=0.04 * np.ptp(expected))


def test_only_what_changes_its_kind_is_converted(
    named: Callable[[str], Any], codes: Callable[..., list[str]]
) -> None:
    network = named("residual")
    first, second = [str(node.name) for node in network.model.graph if node.op_type == "Conv"]
    plan = mixed(network.model, network.samples)
    assert plan.precision[first] is Precision.HYBRID
    assert plan.precision[second] is Precision.INT8
    found = codes(network.write(plan))
    assert found.count("CONV_2D") == 2
    assert found.count("DEQUANTIZE") <= 1  # the input, which an integer Add reads too
    assert found.count("QUANTIZE") == 1
