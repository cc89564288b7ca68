from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from edgemm.converters.onnx_writer import check_onnx, write_onnx
from edgemm.errors import InputError
from edgemm.tensors import TensorSpec

SCHEMES = ["static", "dynamic", "float"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_equal_calls_give_equal_bytes_and_leave_the_graph_alone(
    network: ir.Model, plan: Any, scheme: str
) -> None:
    before = ir.to_proto(network).SerializeToString(deterministic=True)
    assert (
        write_onnx(network, plan(scheme=scheme)).payload == write_onnx(network, plan(scheme=scheme)).payload
    )
    assert ir.to_proto(network).SerializeToString(deterministic=True) == before


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_file_is_of_the_oldest_versions_that_hold_it(network: ir.Model, plan: Any, scheme: str) -> None:
    proto = onnx.load_model_from_string(write_onnx(network, plan(scheme=scheme)).payload)
    assert proto.ir_version == 8
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", 17)]


def test_inputs_and_outputs_are_described(network: ir.Model, plan: Any) -> None:
    file = write_onnx(network, plan())
    assert file.inputs == (TensorSpec("image", (1, 3, 8, 8), "float32"),)
    assert file.outputs == (TensorSpec("scores", (1, 5), "float32"),)


def test_the_float_file_computes_what_the_graph_does(
    network: ir.Model, plan: Any, run: Any, samples: Any
) -> None:
    payload = write_onnx(network, plan(scheme="float")).payload
    check_onnx(payload)
    source = ir.to_proto(network).SerializeToString()
    np.testing.assert_array_equal(run(payload, samples[0]), run(source, samples[0]))


@pytest.mark.parametrize("opset", [13, 15, 19])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_other_opsets_compute_the_same(
    network: ir.Model, plan: Any, run: Any, samples: Any, opset: int, scheme: str
) -> None:
    payload = write_onnx(network, plan(scheme=scheme), opset=opset).payload
    check_onnx(payload)
    assert onnx.load_model_from_string(payload).opset_import[0].version == opset
    expected = run(write_onnx(network, plan(scheme=scheme)).payload, samples[0])
    np.testing.assert_allclose(run(payload, samples[0]), expected, rtol=1e-6)


@pytest.mark.parametrize("opset", [12, 999])
def test_an_opset_out_of_range_is_refused(network: ir.Model, plan: Any, opset: int) -> None:
    with pytest.raises(InputError, match="expected 13"):
        write_onnx(network, plan(), opset=opset)


def test_an_unknown_io_is_refused(network: ir.Model, plan: Any) -> None:
    with pytest.raises(InputError, match="int4"):
        write_onnx(network, plan(), io="int4")  # type: ignore[arg-type]


def test_nothing_of_the_machine_is_in_the_file(network: ir.Model, plan: Any) -> None:
    copy = network.clone()
    copy.graph[0].metadata_props["stack"] = "/home/me/secret.py"
    copy.metadata_props["author"] = "me"
    copy.producer_version = "9.9"
    payload = write_onnx(copy, plan()).payload
    assert payload == write_onnx(network, plan()).payload


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_newer_opset_raises_the_ir_version(network: ir.Model, plan: Any, scheme: str) -> None:
    payload = write_onnx(network, plan(scheme=scheme), opset=21).payload
    check_onnx(payload)
    assert onnx.load_model_from_string(payload).ir_version == 10
