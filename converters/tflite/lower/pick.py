"""Split, tile, and the index of the largest element."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lowering import Lowering, Perm, identity, permuted
from edgemm.converters.tflite.schema import enum

MAX_RANK = 5


def lower_split(ctx: Lowering, node: ir.Node) -> None:
    """Split -> one STRIDED_SLICE for each output, in the layout of the input."""
    attributes = Attributes(node)
    shape = ctx.shape(ctx.value(node))
    axis = attributes.integer("axis", 0) % len(shape)
    attributes.integer("num_outputs", 0)
    attributes.done()
    if len(shape) > MAX_RANK:
        refuse(node, f"Split of {len(shape)} dimensions", "Reshape to at most five")
    perm = ctx.perm(node)
    source = ctx.get(node, 0, perm)
    start = 0
    for output in node.outputs:
        size = ctx.shape(output)[axis]
        if size == 0:
            if output.is_graph_output() or any(each.op_type != "Concat" for each in output.consumers()):
                refuse(node, "an output without elements", "Leave it out")
            continue  # a Concat passes it by
        begin = [start if each == axis else 0 for each in perm]
        end = [start + size if each == axis else shape[each] for each in perm]
        part = tuple(stop - first for first, stop in zip(begin, end, strict=True))
        made = ctx.graph.tensor(str(output.name), part, source.dtype, source.grid)
        ctx.put(output, made, perm)
        constants = [
            ctx.graph.constant(f"{made.name}_{what}", np.array(values, np.int32))
            for what, values in (("begin", begin), ("end", end), ("strides", [1] * len(perm)))
        ]
        ctx.op("STRIDED_SLICE", [source, *constants], [made], form="int8" if source.is_int8 else "float")
        start += size


def lower_tile(ctx: Lowering, node: ir.Node) -> None:
    """Tile with constant repeats -> TILE."""
    Attributes(node).done()
    repeats = ctx.constant_of(ctx.value(node, 1))
    if repeats is None:
        refuse(node, "computed repeats", "Export the model with constant repeats")
    perm = ctx.perm(node)
    times = ctx.graph.constant(f"{node.name}_times", repeats[list(perm)].astype(np.int32))
    ctx.op("TILE", [ctx.get(node, 0, perm), times], [ctx.result(node, perm)], form=ctx.form(node))


def lower_expand(ctx: Lowering, node: ir.Node) -> None:
    """Expand to a constant shape -> BROADCAST_TO."""
    Attributes(node).done()
    shape = ctx.shape(node.outputs[0])
    own = ctx.shape(ctx.value(node))
    source = ctx.reshape(ctx.get(node, 0, identity(len(own))), (1,) * (len(shape) - len(own)) + own)
    sizes = ctx.graph.constant(f"{node.name}_sizes", np.array(shape, np.int32))
    ctx.op("BROADCAST_TO", [source, sizes], [ctx.result(node, identity(len(shape)))])


def lower_arg(ctx: Lowering, node: ir.Node) -> None:
    """ArgMax and ArgMin -> ARG_MAX and ARG_MIN, which give the first of equals, in the layout of the input."""
    attributes = Attributes(node)
    rank = len(ctx.shape(ctx.value(node)))
    axis = attributes.integer("axis", 0) % rank
    keep = attributes.integer("keepdims", 1) == 1
    last = attributes.integer("select_last_index", 0) == 1
    attributes.done()
    if last:
        refuse(node, "select_last_index", "This is a fault: it is written out before")
    perm = ctx.perm(node)
    source = ctx.get(node, 0, perm)
    if source.dtype not in ("float32", "int32", "int8") or (source.dtype == "int8" and source.grid is None):
        refuse(node, f"{node.op_type} of {source.dtype}", "Cast to float32")
    left = tuple(each - (each > axis) for each in perm if each != axis)
    final = _places(ctx, node, perm if keep else left)
    found = final
    if keep:
        shape = tuple(size for each, size in zip(perm, final.shape, strict=True) if each != axis)
        found = ctx.graph.tensor(f"{final.name}_found", shape, "int64")
    along = ctx.graph.constant(f"{node.name}_axis", np.array(perm.index(axis), np.int32))
    code = "ARG_MAX" if node.op_type == "ArgMax" else "ARG_MIN"
    ctx.op(code, [source, along], [found], {"outputType": enum("TensorType", "INT64")}, ctx.form(node))
    if keep:
        ctx.reshape_op(found, final)


def _places(ctx: Lowering, node: ir.Node, perm: Perm) -> Tensor:
    """What the operator writes: indices, which have no grid where the node reads integers on one."""
    value = node.outputs[0]
    made = ctx.graph.tensor(str(value.name), permuted(ctx.shape(value), perm), "int64")
    ctx.put(value, made, perm)
    return made
