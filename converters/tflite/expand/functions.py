"""Operators that ONNX itself defines by others are written out with ONNX's own definitions."""

from __future__ import annotations

from collections.abc import Collection

import onnx
import onnx.inliner
import onnx_ir as ir

from edgemm.converters.passes.opset import OPSET, replace_graph


def inline_definitions(model: ir.Model, known: Collection[str]) -> int:
    """Replaces nodes that are not in `known` and that have a definition in ONNX; others stay.

    Returns:
        How many were replaced.
    """
    found = [node.op_type for node in model.graph if node.domain == "" and node.op_type not in known]
    defined = sorted({name for name in found if _has_definition(name)})
    if not defined:
        return 0
    try:
        proto = onnx.inliner.inline_selected_functions(
            ir.to_proto(model), [("", name) for name in defined], inline_schema_functions=True
        )
    except Exception:  # noqa: BLE001  a C++ exception; what cannot be written out is refused by name later
        return 0
    replace_graph(model, ir.from_proto(proto))
    return sum(name in defined for name in found)


def _has_definition(op_type: str) -> bool:
    if not onnx.defs.has(op_type, OPSET):
        return False
    schema = onnx.defs.get_schema(op_type, OPSET)
    return bool(schema.has_function or schema.has_context_dependent_function)
