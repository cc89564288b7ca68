"""Graphs in both formats, against ONNX Runtime on the graph as it was given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime as ort
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgemm.converters.prepare import prepare
from edgemm.converters.tflite import check_tflite, write_tflite
from edgemm.quantize import make_plan

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]


def from_text(text: str, opset: int = 17, **constants: Any) -> onnx.ModelProto:
    """A graph in ONNX's own notation, with initializers by name."""
    proto: onnx.ModelProto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]>\n{text}')
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()
    )
    return proto


def in_onnxruntime(proto: onnx.ModelProto, feeds: Arrays) -> list[Array]:
    """Every node as it stands."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: list[Array] = session.run(None, dict(feeds))
    return found


def in_litert(proto: onnx.ModelProto, feeds: Arrays) -> list[Array]:
    """The float .tflite of the graph, its layout kept."""
    ready = prepare(ir.from_proto(proto), format_="tflite").model
    file = write_tflite(ready, make_plan(ready, None, scheme="float"), keep_layout=True)
    check_tflite(file.payload)
    interpreter = Interpreter(model_content=file.payload, num_threads=1)
    interpreter.allocate_tensors()
    entries = {entry["name"]: entry["index"] for entry in interpreter.get_input_details()}
    for value, port in zip(ready.graph.inputs, file.inputs, strict=True):
        interpreter.set_tensor(entries[port.spec.name], feeds[str(value.name)].astype(port.spec.dtype))
    interpreter.invoke()
    found = {entry["name"]: entry["index"] for entry in interpreter.get_output_details()}
    return [interpreter.get_tensor(found[port.spec.name]) for port in file.outputs]


def in_canonical_form(proto: onnx.ModelProto, feeds: Arrays) -> list[Array]:
    """The canonical graph in ONNX Runtime."""
    model = prepare(ir.from_proto(proto)).model
    named = {str(value.name): feeds[str(value.name)] for value in model.graph.inputs}
    return in_onnxruntime(ir.to_proto(model), named)


def agree(proto: onnx.ModelProto, feeds: Arrays, truth: Sequence[Array] | None = None) -> None:
    """Both formats answer what ONNX Runtime, or `truth`, answers."""
    expected = in_onnxruntime(proto, feeds) if truth is None else truth
    for way in (in_canonical_form, in_litert):
        found = way(proto, feeds)
        assert len(found) == len(expected), way.__name__
        for mine, theirs in zip(found, expected, strict=True):
            assert mine.shape == theirs.shape, way.__name__
            if theirs.dtype.kind == "f":
                np.testing.assert_allclose(mine, theirs, 1e-4, 1e-5, err_msg=way.__name__)
            else:
                np.testing.assert_array_equal(mine, theirs, err_msg=way.__name__)


@pytest.fixture(name="agree")
def fixture_agree() -> Callable[..., None]:
    return agree


@pytest.fixture(name="graph")
def fixture_graph() -> Callable[..., onnx.ModelProto]:
    return from_text


@pytest.fixture
def operators() -> Callable[[onnx.ModelProto], list[str]]:
    """The operators of the canonical graph."""
    return lambda proto: [node.op_type for node in prepare(ir.from_proto(proto)).model.graph]


@pytest.fixture
def onnxruntime_answers() -> Callable[[onnx.ModelProto, Arrays], list[Array]]:
    return in_onnxruntime


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)
