"""Picking slices by their number."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.lowering import Lowering, identity


def lower_gather(ctx: Lowering, node: ir.Node) -> None:
    """Gather -> GATHER; constant numbers may count from the end."""
    attributes = Attributes(node)
    shape = ctx.shape(ctx.value(node))
    axis = attributes.integer("axis", 0) % max(len(shape), 1)
    attributes.done()
    picked = ctx.value(node, 1)
    numbers = ctx.constant_of(picked)
    if numbers is None and picked.dtype not in (ir.DataType.INT32, ir.DataType.INT64):
        refuse(node, "numbers of slices that are no integers", "Export the model again")
    final = ctx.result(node, identity(len(ctx.shape(node.outputs[0]))))
    source = ctx.get(node, 0, identity(len(shape)))
    if numbers is None:
        which = ctx.get(node, 1, identity(len(ctx.shape(picked))))
    else:
        wrapped = np.where(numbers < 0, numbers + shape[axis], numbers).astype(np.int32)
        which = ctx.graph.constant(str(picked.name), wrapped.reshape(numbers.shape))
    ctx.op("GATHER", [source, which], [final], {"axis": axis}, ctx.form(node))
