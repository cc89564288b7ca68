"""Reductions of functions, and the last of equals, in plain reductions."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import array_of, constant, graph_of, insert_before, shape_of, take_place
from edgemm.errors import UnsupportedOperator


def _axes(node: ir.Node, rank: int) -> list[int]:
    """The axes, not negative, from the attribute or the constant input; all where none are given."""
    given = node.inputs[1] if len(node.inputs) > 1 else None
    if given is not None and given.const_value is None:
        raise UnsupportedOperator(f"node {node.name!r} ({node.op_type}): computed axes. Make them constants")
    array = array_of(given)
    listed = array.tolist() if array is not None else node.attributes.get_ints("axes") or ()
    if not listed and node.attributes.get_int("noop_with_empty_axes", 0) == 1:
        raise UnsupportedOperator(
            f"node {node.name!r} ({node.op_type}): no axes, and nothing to do. Take it out"
        )
    return sorted({axis % rank for axis in listed}) or list(range(rank))


def expand_reduction(node: ir.Node) -> bool:
    """ReduceL1, ReduceL2, ReduceSumSquare, ReduceLogSum, ReduceLogSumExp."""
    source = node.inputs[0]
    if source is None or source.dtype != ir.DataType.FLOAT:
        return False
    graph, shape, out = graph_of(node), shape_of(source), shape_of(node.outputs[0])
    axes = _axes(node, len(shape))
    keep = node.attributes.get_int("keepdims", 1)
    small = tuple(1 if index in axes else size for index, size in enumerate(shape))
    listed = constant(graph, f"{node.name}_over", np.array(axes, np.int64))
    before = {"ReduceL1": "Abs", "ReduceL2": "Mul", "ReduceSumSquare": "Mul"}.get(node.op_type)
    value = source
    top = None
    if node.op_type == "ReduceLogSumExp":
        top = insert_before(
            node, "ReduceMax", [source], {"axes": axes, "keepdims": 1}, suffix="top", shape=small
        )
        value = insert_before(node, "Sub", [source, top], suffix="below", shape=shape)
        value = insert_before(node, "Exp", [value], suffix="exp", shape=shape)
    elif before is not None:
        operands = [source, source] if before == "Mul" else [source]
        value = insert_before(node, before, operands, suffix="each", shape=shape)
    total = insert_before(node, "ReduceSum", [value, listed], {"keepdims": keep}, suffix="sum", shape=out)
    after = {"ReduceL2": "Sqrt", "ReduceLogSum": "Log", "ReduceLogSumExp": "Log"}.get(node.op_type)
    if after is not None:
        total = insert_before(node, after, [total], suffix="of_sum", shape=out)
    if top is not None:
        sizes = constant(graph, f"{node.name}_sizes", np.array(out, np.int64))
        flat = insert_before(node, "Reshape", [top, sizes], suffix="top_flat", shape=out)
        total = insert_before(node, "Add", [total, flat], suffix="with_top", shape=out)
    take_place(node, total)
    return True


def expand_last_index(node: ir.Node) -> bool:
    """ArgMax and ArgMin of the last of equals: the first in reverse order, counted from the end."""
    if node.attributes.get_int("select_last_index", 0) == 0:
        return False
    source = node.inputs[0]
    if source is None:
        return False
    graph, shape, out = graph_of(node), shape_of(source), shape_of(node.outputs[0])
    axis = node.attributes.get_int("axis", 0) % len(shape)
    backwards = constant(graph, f"{node.name}_backwards", np.arange(shape[axis] - 1, -1, -1, dtype=np.int64))
    turned = insert_before(node, "Gather", [source, backwards], {"axis": axis}, suffix="turned", shape=shape)
    keep = node.attributes.get_int("keepdims", 1)
    first = insert_before(
        node,
        node.op_type,
        [turned],
        {"axis": axis, "keepdims": keep},
        suffix="first",
        shape=out,
        dtype=ir.DataType.INT64,
    )
    end = constant(graph, f"{node.name}_end", np.array(shape[axis] - 1, np.int64))
    take_place(
        node, insert_before(node, "Sub", [end, first], suffix="from_end", shape=out, dtype=ir.DataType.INT64)
    )
    return True
