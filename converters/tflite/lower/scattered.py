"""Gather and scatter by index, top-k, cumulative sums, reversed sequences."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lower.gather import from_the_front
from edgemm.converters.tflite.lowering import Lowering, identity

PICKED = frozenset({"float32", "int8", "uint8", "int32", "int64", "bool"})


def lower_gather_nd(ctx: Lowering, node: ir.Node) -> None:
    """GatherND without batch dimensions -> GATHER_ND."""
    attributes = Attributes(node)
    if attributes.integer("batch_dims", 0):
        refuse(node, "batch_dims", "This is a fault: it is written out before")
    attributes.done()
    source, places = _plain(ctx, node, 0), _plain(ctx, node, 1)
    places = _tuples_from_the_front(ctx, places, source.shape)
    if source.dtype not in PICKED:
        refuse(node, f"GatherND of {source.dtype}", "Cast to float32 or int32")
    final = ctx.result(node, identity(len(ctx.shape(node.outputs[0]))))
    ctx.op("GATHER_ND", [source, places], [final])


def lower_scatter_nd(ctx: Lowering, node: ir.Node) -> None:
    """ScatterND that adds to zeros -> SCATTER_ND."""
    attributes = Attributes(node)
    reduction = attributes.text("reduction", "none")
    attributes.done()
    zeros = ctx.constant_of(ctx.value(node))
    if reduction != "add" or zeros is None or zeros.any():
        refuse(node, "ScatterND onto other numbers than zeros", "This is a fault: it is written out before")
    places, updates = _plain(ctx, node, 1), _plain(ctx, node, 2)
    final = ctx.result(node, identity(zeros.ndim))
    places = _tuples_from_the_front(ctx, places, zeros.shape)
    if places.dtype != "int32":
        narrow = ctx.graph.tensor(f"{places.name}_32", places.shape, "int32")
        ctx.op("CAST", [places], [narrow])
        places = narrow
    shape = ctx.graph.constant(f"{final.name}_shape", np.array(zeros.shape, np.int32))
    ctx.op("SCATTER_ND", [places, updates, shape], [final])


def lower_top_k(ctx: Lowering, node: ir.Node) -> None:
    """TopK of the largest, sorted, along the last axis -> TOPK_V2, which puts the first of equals first."""
    attributes = Attributes(node)
    rank = len(ctx.shape(ctx.value(node)))
    axis = attributes.integer("axis", rank - 1)
    largest = attributes.integer("largest", 1)
    attributes.integer("sorted", 1)
    attributes.done()
    count = ctx.constant_of(ctx.value(node, 1))
    if count is None or axis != rank - 1 or not largest:
        refuse(node, "a computed number of them, or another axis", "Export the model with a constant k")
    source = _plain(ctx, node, 0)
    if source.dtype not in ("float32", "int32", "int64"):
        refuse(node, f"TopK of {source.dtype}", "Cast to float32 or int32")
    number = ctx.graph.constant(f"{node.name}_k", np.array(count.reshape(()), np.int32))
    values = ctx.result(node, identity(rank))
    places = ctx.graph.tensor(f"{node.name}_places", values.shape, "int32")
    ctx.op("TOPK_V2", [source, number], [values, places])
    wide = ctx.graph.tensor(str(node.outputs[1].name), values.shape, "int64")
    ctx.op("CAST", [places], [wide])
    ctx.put(node.outputs[1], wide, identity(rank))


def lower_cumsum(ctx: Lowering, node: ir.Node) -> None:
    """CumSum along a constant axis -> CUMSUM."""
    attributes = Attributes(node)
    options = {
        "exclusive": attributes.integer("exclusive", 0) == 1,
        "reverse": attributes.integer("reverse", 0) == 1,
    }
    attributes.done()
    axis = ctx.constant_of(ctx.value(node, 1))
    if axis is None:
        refuse(node, "a computed axis", "Export the model with a constant axis")
    source = _plain(ctx, node, 0)
    rank = len(source.shape)
    if source.dtype not in ("float32", "int32", "int64"):
        refuse(node, f"CumSum of {source.dtype}", "Cast to float32 or int32")
    along = ctx.graph.constant(f"{node.name}_axis", np.array(int(axis.reshape(())) % rank, np.int32))
    ctx.op("CUMSUM", [source, along], [ctx.result(node, identity(rank))], options)


def lower_reverse_sequence(ctx: Lowering, node: ir.Node) -> None:
    """ReverseSequence -> REVERSE_SEQUENCE."""
    attributes = Attributes(node)
    options = {"seqDim": attributes.integer("time_axis", 0), "batchDim": attributes.integer("batch_axis", 1)}
    attributes.done()
    source, lengths = _plain(ctx, node, 0), _plain(ctx, node, 1)
    if source.dtype not in PICKED - {"bool", "int8"}:
        refuse(node, f"ReverseSequence of {source.dtype}", "Cast to float32 or int32")
    final = ctx.result(node, identity(len(source.shape)))
    ctx.op("REVERSE_SEQUENCE", [source, lengths], [final], options)


def _plain(ctx: Lowering, node: ir.Node, index: int) -> Tensor:
    """An input in ONNX's own layout."""
    return ctx.get(node, index, identity(len(ctx.shape(ctx.value(node, index)))))


def _tuples_from_the_front(ctx: Lowering, places: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Tuples of numbers, none of which counts from the end."""
    if places.data is not None:
        return places
    depth = places.shape[-1]
    return from_the_front(ctx, places, (int(np.prod(places.shape[:-1])), depth), np.array([shape[:depth]]))
