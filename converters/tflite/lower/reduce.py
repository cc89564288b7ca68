"""Reductions over some axes, in whatever layout the input is stored."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.lowering import Lowering

REDUCTIONS = {
    "ReduceMean": "MEAN",
    "ReduceMax": "REDUCE_MAX",
    "ReduceMin": "REDUCE_MIN",
    "ReduceSum": "SUM",
    "ReduceProd": "REDUCE_PROD",
}


def lower_reduce(ctx: Lowering, node: ir.Node) -> None:
    """ReduceMean, ReduceMax, ReduceMin, ReduceSum; their axes as an attribute or as a constant."""
    attributes = Attributes(node)
    rank = len(ctx.shape(ctx.value(node)))
    keep = attributes.integer("keepdims", 1) == 1
    attributes.integer("noop_with_empty_axes", 0)
    given = ctx.constant_of(node.inputs[1]) if len(node.inputs) > 1 else None
    if given is None and len(node.inputs) > 1 and node.inputs[1] is not None:
        refuse(node, "computed axes", "Export the model with constant axes")
    listed = given.tolist() if given is not None else attributes.integers("axes", range(rank))
    attributes.integers("axes", ())
    attributes.done()
    axes = sorted({axis % rank for axis in listed})
    perm = ctx.perm(node)
    source = ctx.get(node, 0, perm)
    over = ctx.graph.constant(f"{node.name}_axes", np.array(sorted(perm.index(a) for a in axes), np.int32))
    left = perm
    if not keep:
        remaining = [axis for axis in range(rank) if axis not in axes]
        left = tuple(remaining.index(axis) for axis in perm if axis in remaining)
    final = ctx.result(node, left)
    ctx.op(REDUCTIONS[node.op_type], [source, over], [final], {"keepDims": keep}, ctx.form(node))
