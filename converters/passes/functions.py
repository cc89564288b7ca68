"""Replaces calls of model-local functions by the nodes of those functions."""

from __future__ import annotations

import onnx
import onnx.inliner
import onnx_ir as ir
from onnx_ir.passes.common import InlinePass

from edgemm.converters.passes.opset import OPSET, opset_of, replace_graph
from edgemm.errors import ConversionError


def inline_functions(model: ir.Model) -> int:
    """Calls of functions that the model defines are replaced by their bodies.

    Precondition: functions do not call themselves.

    Returns:
        How many calls were replaced.
    """
    if not model.functions:
        return 0
    result = InlinePass()(model)
    return sum(getattr(result, "id_count", {}).values())


def expand_operators(model: ir.Model) -> int:
    """Standard operators that opset 17 lacks and that ONNX defines by older ones are expanded.

    Precondition: no model-local functions; shapes are known as far as the definitions ask for them.

    Returns:
        How many nodes were expanded.

    Raises:
        ConversionError: onnx's inliner cannot expand one.
    """
    found = opset_of(model)
    named = _with_gaps(model, found)
    newer = [node.op_type for node in model.graph if _is_newer_function(node, found)]
    if not newer:
        return named
    selected = [("", op_type) for op_type in sorted(set(newer))]
    try:
        proto = onnx.inliner.inline_selected_functions(
            ir.to_proto(model), selected, inline_schema_functions=True
        )
    except Exception as e:  # a C++ exception without a type of its own
        raise ConversionError(
            f"cannot expand {', '.join(sorted(set(newer)))} into older operators: {e}. Export with opset {OPSET}"
        ) from e
    replace_graph(model, ir.from_proto(proto))
    return len(newer) + named


def _with_gaps(model: ir.Model, found: int) -> int:
    """Nodes that leave out an input before one that is there get their definition here: onnx's inliner wants a type
    for what is left out."""
    count = 0
    for node in tuple(model.graph):
        given = [value is not None for value in node.inputs]
        if not _is_newer_function(node, found) or all(given[: max(sum(given), 1)]):
            continue
        schema = onnx.defs.get_schema(node.op_type, found)
        if not schema.has_context_dependent_function:
            continue
        function = onnx.FunctionProto()
        function.ParseFromString(
            schema.get_context_dependent_function(
                ir.to_proto(node).SerializeToString(), [_type_of(value) for value in node.inputs]
            )
        )
        del function.output[len(node.outputs) :]
        function.domain, function.name = LOCAL, f"{node.op_type}{count}"
        made = ir.from_proto(function)
        model.functions[made.identifier()] = made
        node.domain, node.op_type, node.version = LOCAL, function.name, None
        model.opset_imports.setdefault(LOCAL, 1)
        count += 1
    if count:
        inline_functions(model)
        model.functions.clear()
        model.opset_imports.pop(LOCAL, None)
    return count


LOCAL = "edgemm.written_out"
"""The domain of definitions until they are inlined."""


def _type_of(value: ir.Value | None) -> bytes:
    """The type of an input, for its definition; an empty one for what is left out."""
    if value is None or value.type is None:
        return b""
    bare = ir.Value(name="x", type=value.type, shape=value.shape)
    info: onnx.ValueInfoProto = ir.to_proto(bare)
    return bytes(info.type.SerializeToString())


def _is_newer_function(node: ir.Node, found: int) -> bool:
    if node.domain != "" or not onnx.defs.has(node.op_type, found) or onnx.defs.has(node.op_type, OPSET):
        return False
    schema = onnx.defs.get_schema(node.op_type, found)
    return bool(schema.has_function or schema.has_context_dependent_function)
