"""A plan that does not fit the graph, or the target, is an error that says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from edgemm.converters.tflite import write_tflite
from edgemm.errors import ConversionError, UnsupportedOperator
from edgemm.quantize import Precision


@pytest.mark.parametrize("part", ["activations", "weights"])
def test_a_plan_without_grids_is_refused(named: Callable[[str], Any], part: str) -> None:
    network = named("residual")
    plan = replace(network.static_plan(), **{part: {}})
    with pytest.raises(ConversionError, match="no grid for"):
        write_tflite(network.model, plan)


def test_an_operator_without_an_int8_kernel_is_refused(network: Callable[..., Any]) -> None:
    root = network("g (float[1,4] x) => (float[1,4] y) { a = Relu(x)  b = Exp(a)  y = Relu(b) }")
    plan = root.static_plan()
    everything = {str(node.name): Precision.INT8 for node in root.model.graph}
    grids = {str(v.name): plan.activations["x"] for node in root.model.graph for v in node.outputs}
    with pytest.raises(UnsupportedOperator, match=r"EXP.*no int8 kernel"):
        write_tflite(
            root.model, replace(plan, precision=everything, activations={**grids, **plan.activations})
        )


def test_an_average_in_float_is_refused_for_integer_targets(named: Callable[[str], Any]) -> None:
    network = named("average_pool_corrected")
    with pytest.raises(UnsupportedOperator, match="coral is integer only"):
        write_tflite(network.model, network.static_plan(target="coral"))
