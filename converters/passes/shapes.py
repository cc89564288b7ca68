"""Every tensor's static shape and type, from those of the inputs."""

from __future__ import annotations

import onnx
import onnx.shape_inference
import onnx_ir as ir

from edgemm.converters.passes.rewrite import nodes_of, set_ints
from edgemm.errors import ConversionError, InputError
from edgemm.excerpt import excerpt
from edgemm.quantize.functions import DOMAIN, FUNCTIONS

LARGE_BYTES = 1024
"""No shape is computed from a constant of more."""


DEFAULTS: dict[str, dict[str, tuple[int, ...]]] = {"MeanVarianceNormalization": {"axes": (0, 2, 3)}}
"""Attributes whose defaults onnx's inference loses where it looks into an operator's definition."""


def name_defaults(model: ir.Model) -> int:
    """Writes out such defaults.

    Returns:
        How many nodes changed.
    """
    left = [
        (node, name, value)
        for node in nodes_of(model, *DEFAULTS)
        for name, value in DEFAULTS[node.op_type].items()
        if name not in node.attributes
    ]
    return sum(set_ints(node, **{name: value}) for node, name, value in left)


WIDER = (
    "Integers of 4 and 16 bits need opset 21: bring the float model to opset 21 before it is quantized, or quantize "
    "it to 8 bits"
)


def infer_shapes(model: ir.Model) -> int:
    """Static shapes and types by onnx's own inference; what the file says of inner tensors is not believed.

    Precondition: names are unique, inputs have static shapes.

    Returns:
        How many tensors have another shape than before.

    Raises:
        InputError: an input's shape is open.
        ConversionError: shapes contradict each other.
    """
    _require_static_inputs(model)
    values = [value for node in model.graph for value in node.outputs]
    before = [value.shape for value in values]
    for value in values:
        value.shape = None
    proto = _proto_of(model)
    _hide_functions(proto)
    try:
        proto = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError as e:
        reason = _reason(e)
        advice = WIDER if "int4)" in reason or "int16)" in reason else "Export the model again"
        raise ConversionError(f"the model's shapes or types contradict each other: {reason}. {advice}") from e
    inferred = _value_infos(proto.graph)
    for value in values:
        info = inferred.get(str(value.name))
        if info is not None:
            value.shape, value.type = info.shape, info.type or value.type
    return sum(value.shape != old for value, old in zip(values, before, strict=True))


def _hide_functions(proto: onnx.ModelProto) -> None:
    """Operators that onnx does not know are of the shape of their operand."""
    for node in proto.graph.node:
        if node.domain == DOMAIN and node.op_type in FUNCTIONS and len(node.input) == 1:
            node.domain, node.op_type = "", "Identity"


def _proto_of(model: ir.Model) -> onnx.ModelProto:
    """Large constants are inputs there: inference asks for their shapes, not for megabytes.

    The graph's own inputs are left alone: it would hold on to whatever was once one of them.
    """
    held = {
        value: value.const_value
        for value in model.graph.initializers.values()
        if value.const_value is not None and value.const_value.nbytes > LARGE_BYTES
    }
    try:
        for value, tensor in held.items():
            shape = ir.Shape(tensor.shape.numpy())
            value.const_value = ir.ExternalTensor(
                "", None, None, tensor.dtype, shape=shape, name=str(value.name)
            )
        proto = ir.to_proto(model)
    finally:
        for value, tensor in held.items():
            value.const_value = tensor
    names = {value.name for value in held}
    small = [each for each in proto.graph.initializer if each.name not in names]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(small)
    proto.graph.input.extend(ir.to_proto(value) for value in held)
    return proto


def _value_infos(graph: onnx.GraphProto) -> dict[str, ir.Value]:
    infos = [ir.from_proto(info) for info in (*graph.value_info, *graph.output)]
    return {str(value.name): value for value in infos}


def _require_static_inputs(model: ir.Model) -> None:
    for value in model.graph.inputs:
        if value.shape is None or not value.shape.is_static():
            raise InputError(
                f"input {value.name!r} has the open shape {value.shape}; fix it: --shape {value.name}=1,3,224,224"
            )


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return excerpt(lines[-1] if lines else type(error).__name__, 300)
