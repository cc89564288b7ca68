"""What a source computes, and what a written file of either format does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
import onnxruntime as ort
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from onnx import numpy_helper, parser

from edgemm.converters.onnx_writer import check_onnx, write_onnx
from edgemm.converters.passes import canonicalize
from edgemm.converters.tflite import check_tflite, write_tflite
from edgemm.converters.tflite.expand import expand_for_tflite
from edgemm.quantize import calibrate, check_plan, make_plan
from edgemm.quantize.plan import Plan

Array = npt.NDArray[Any]
Sample = dict[str, Array]
KERNELS = {
    "tflite": OpResolverType.AUTO,
    "tflite built-in": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
}
FORMATS = ("onnx", *KERNELS)
"""Two sets of kernels that LiteRT has; a device may have either."""


class Source:
    """A model from ONNX text, what onnxruntime computes of it, and what our files do."""

    def __init__(self, text: str, **constants: Any) -> None:
        self.proto = parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g {text}')
        for name, value in constants.items():
            array = np.asarray(value)
            array = array.astype(np.float32) if array.dtype == np.float64 else array
            self.proto.graph.initializer.append(numpy_helper.from_array(array, name))

    def truth(self, samples: Sequence[Sample]) -> Array:
        """[samples, ...]: the first output, of onnxruntime."""
        session = _session(self.proto.SerializeToString())
        return np.stack([session.run(None, sample)[0] for sample in samples])

    def written(
        self,
        format_: str,
        scheme: str,
        calibration: Sequence[Sample],
        samples: Sequence[Sample],
        **options: Any,
    ) -> tuple[Array, Plan]:
        """[samples, ...]: the first output of the file of one format and scheme; and its plan."""
        model: ir.Model = ir.from_proto(self.proto)
        canonicalize(model)
        if format_ != "onnx":
            expand_for_tflite(model)
        found = calibrate(model, calibration) if scheme == "static" else None
        plan = make_plan(model, found, scheme=scheme, **options)
        check_plan(model, plan)
        run = _onnx(model, plan) if format_ == "onnx" else _tflite(model, plan, format_)
        return np.stack([run(sample) for sample in samples]), plan


def _session(payload: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(payload, options, providers=["CPUExecutionProvider"])


def _onnx(model: ir.Model, plan: Plan) -> Callable[[Sample], Array]:
    payload = write_onnx(model, plan).payload
    check_onnx(payload)
    session = _session(payload)
    return lambda sample: np.asarray(session.run(None, sample)[0])


def _tflite(model: ir.Model, plan: Plan, kernels: str) -> Callable[[Sample], Array]:
    file = write_tflite(model, plan, keep_layout=True)
    check_tflite(file.payload)
    interpreter = Interpreter(
        model_content=file.payload, num_threads=1, experimental_op_resolver_type=KERNELS[kernels]
    )
    interpreter.allocate_tensors()
    places = {each["name"]: each["index"] for each in interpreter.get_input_details()}
    output = file.outputs[0]
    place = next(e["index"] for e in interpreter.get_output_details() if e["name"] == output.spec.name)

    def run(sample: Sample) -> Array:
        for value, port in zip(model.graph.inputs, file.inputs, strict=True):
            interpreter.set_tensor(places[port.spec.name], port.spec.quantize(sample[str(value.name)]))
        interpreter.invoke()
        return np.asarray(output.spec.dequantize(interpreter.get_tensor(place)))

    return run


def decibels(truth: Array, found: Array) -> float:
    """Signal to noise, by hand."""
    noise = np.square(truth.astype(np.float64) - found).sum()
    return float(10 * np.log10(np.square(truth.astype(np.float64)).sum() / max(noise, 1e-30)))


@pytest.fixture(scope="session", name="source")
def _source() -> type[Source]:
    return Source


@pytest.fixture(scope="session", name="decibels")
def _decibels() -> Callable[[Array, Array], float]:
    return decibels


@pytest.fixture(scope="module", params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    """A format, and for TFLite the kernels that run it."""
    found: str = request.param
    return found
