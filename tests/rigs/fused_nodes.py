"""One fused node as a model, in ONNX Runtime and in canonical form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from edgemm.converters.passes import canonicalize
from edgemm.quantize.reference import Reference

Array = npt.NDArray[Any]
Given = tuple[str, Array] | None
"""("x", array) is an input of the model, ("c", array) a constant, None an operand that is left out."""


@dataclass(frozen=True, slots=True)
class Fused:
    """A node of one operator, its operands and attributes."""

    op_type: str
    operands: Sequence[Given]
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: Sequence[bool] = (True,)
    """Which of its outputs the model has."""
    domain: str = "com.microsoft"
    opset: int = 17
    integers: tuple[int, ...] = ()
    """Outputs that are int32."""


def model_of(case: Fused) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """The model and what its inputs are fed with."""
    inputs, constants, names, feeds = [], [], [], {}
    for index, given in enumerate(case.operands):
        names.append("" if given is None else f"{given[0]}{index}")
        if given is None:
            continue
        kind, array = given
        if kind == "c":
            constants.append(numpy_helper.from_array(array, names[-1]))
            continue
        feeds[names[-1]] = array
        element = helper.np_dtype_to_tensor_dtype(array.dtype)
        inputs.append(helper.make_tensor_value_info(names[-1], element, array.shape))
    outs = [f"y{index}" if used else "" for index, used in enumerate(case.outputs)]
    node = helper.make_node(case.op_type, names, outs, name="fused", domain=case.domain, **case.attributes)
    ends = [
        helper.make_tensor_value_info(
            name, TensorProto.INT32 if index in case.integers else TensorProto.FLOAT, None
        )
        for index, name in enumerate(outs)
        if name
    ]
    graph = helper.make_graph([node], "g", inputs, ends, constants)
    opsets = [helper.make_opsetid("", case.opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8), feeds


def in_runtime(proto: onnx.ModelProto, feeds: dict[str, Array]) -> list[Array]:
    """What the fused node itself computes."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: list[Array] = session.run(None, feeds)
    return found


def written_out(proto: onnx.ModelProto, feeds: dict[str, Array]) -> list[Array]:
    """What the canonical graph computes, in which there are standard operators alone."""
    model = ir.from_proto(proto)
    canonicalize(model)
    return list(Reference(model).run(feeds).values())


def worst(truth: Sequence[Array], found: Sequence[Array]) -> float:
    """The largest error of any output, relative to the largest number in it; infinite where shapes differ."""
    if [each.shape for each in truth] != [each.shape for each in found]:
        return float("inf")
    errors = [
        np.abs(one.astype(np.float64) - other).max() / max(float(np.abs(one).max()), 1e-9)
        for one, other in zip(truth, found, strict=True)
    ]
    return float(max(errors))


def error_of(case: Fused) -> float:
    """Of the canonical graph against ONNX Runtime."""
    proto, feeds = model_of(case)
    return worst(in_runtime(proto, feeds), written_out(proto, feeds))
