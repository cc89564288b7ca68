from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.converters.onnx_writer import check_onnx, write_onnx
from edgemm.errors import ConversionError
from edgemm.quantize.plan import Plan, Precision
from edgemm.quantize.target import TARGETS


@pytest.mark.parametrize("target", ["cpu", "arm"])
def test_matrix_products_are_fused_and_convolutions_store_integers(
    network: ir.Model, plan: Any, executed: Any, target: str
) -> None:
    payload = write_onnx(network, plan(target, "dynamic")).payload
    check_onnx(payload)
    operators = executed(payload)
    assert operators.count("DynamicQuantizeMatMul") == 2
    assert operators.count("DequantizeLinear") == 2


def test_the_numbers_stay_near_the_float_graph(network: ir.Model, plan: Any, run: Any, samples: Any) -> None:
    float_payload = write_onnx(network, plan(scheme="float")).payload
    payload = write_onnx(network, plan(scheme="dynamic")).payload
    errors = [np.abs(run(payload, each) - run(float_payload, each)).max() for each in samples]
    assert max(errors) < 0.01  # of probabilities: 8-bit weights and inputs of two layers


def test_the_file_is_smaller_than_the_float_one(network: ir.Model, plan: Any) -> None:
    sizes = [len(write_onnx(network, plan(scheme=scheme)).payload) for scheme in ("dynamic", "float")]
    assert sizes[0] < 0.8 * sizes[1]


def test_a_dynamic_node_without_weights_is_refused(network: ir.Model) -> None:
    name = str(next(node.name for node in network.graph if node.op_type == "Gemm"))
    with pytest.raises(ConversionError, match=name):
        write_onnx(network, Plan(TARGETS["cpu"], "dynamic", {name: Precision.DYNAMIC}))
