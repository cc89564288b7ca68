"""How much room the constants of a plan take, before anything is written."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.quantize.equal_constants import equal_constants
from edgemm.quantize.plan import Plan

WIDTHS = {"int8": 1, "int32": 4}
"""Bytes of a number on a grid."""


def stored_bytes(model: ir.Model, plan: Plan) -> int:
    """Bytes of all constants that nodes read, each form of each content counted once: both writers store it once."""
    first = equal_constants(value for node in model.graph for value in node.inputs if value is not None)
    found: dict[tuple[str, str], int] = {}
    for node in model.graph:
        for index, value in enumerate(node.inputs):
            if value is None or value.const_value is None:
                continue
            grid = plan.weights.get((str(node.name), index))
            dtype = "" if grid is None else grid.dtype
            width = value.const_value.dtype.itemsize if grid is None else WIDTHS[grid.dtype]
            scales = 0 if grid is None else grid.scale.nbytes
            content = str(first.get(str(value.name), value).name)
            found[content, dtype] = int(value.const_value.size * width) + scales
    return sum(found.values())
