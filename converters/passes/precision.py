"""Turns half and double precision into float32."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import array_of, nodes_of

OTHER = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE)


def to_float32(model: ir.Model) -> int:
    """Half and double precision become float32: inputs, constants, and what Cast makes.

    Precondition: constants are initializers, types are known.

    Returns:
        How many inputs, constants and Casts changed.
    """
    values = [*model.graph.inputs, *model.graph.initializers.values()]
    changed = sum(_convert(value) for value in values if value.dtype in OTHER)
    for value in (output for node in model.graph for output in node.outputs):
        if value.dtype in OTHER:
            value.type = ir.TensorType(ir.DataType.FLOAT)
    for node in nodes_of(model, "Cast"):
        if node.attributes["to"].as_int() in OTHER:
            node.attributes.add(ir.AttrInt64("to", int(ir.DataType.FLOAT)))
            changed += 1
    return changed


def _convert(value: ir.Value) -> bool:
    array = array_of(value)
    value.type = ir.TensorType(ir.DataType.FLOAT)
    if array is not None:
        value.const_value = ir.tensor(np.asarray(array, dtype=np.float32), name=value.name)
    return True
