"""Operators that move values without computing."""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.passes.reshape import runs_of
from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.lowering import Lowering, Perm, compose, identity, inverse
from edgemm.converters.tflite.schema import enum


def lower_reshape(ctx: Lowering, node: ir.Node) -> None:
    """Reshape -> RESHAPE. Before fully connected layers nothing is transposed: their weights are. Nor is it where the
    axes that are joined or split lie side by side in what is stored."""
    attributes = Attributes(node)
    attributes.integer("allowzero", 0)
    attributes.done()
    output = node.outputs[0]
    before, after = ctx.shape(ctx.value(node)), ctx.shape(output)
    perm = ctx.perm(node)
    if perm != identity(len(perm)) and not _order_kept(before, perm):
        columns = _columns(ctx, node, before, after, perm)
        if columns is not None:
            source = ctx.get(node, 0)
            ctx.put(output, ctx.reshape(source, after, str(output.name)), identity(len(after)), columns)
            return
        kept = None if output.is_graph_output() else kept_layout(before, after, perm)
        if kept is not None:
            ctx.reshape_op(ctx.get(node, 0, perm), ctx.result(node, kept))
            return
        perm = identity(len(perm))
    source = ctx.get(node, 0, perm)
    ctx.reshape_op(source, ctx.result(node, identity(len(after))))


def _order_kept(shape: tuple[int, ...], perm: Perm) -> bool:
    """True when only axes of size 1 are elsewhere: the elements stand in ONNX's order all the same."""
    moved = [axis for axis in perm if shape[axis] != 1]
    return moved == sorted(moved)


def kept_layout(before: tuple[int, ...], after: tuple[int, ...], perm: Perm) -> Perm | None:
    """The layout in which a reshaped value lies as it is stored; None where its elements would have to move.

    Axes that become others are a run, as 4 x 6 -> 24 or 24 -> 2 x 12. Runs may stand in any order, each whole.
    """
    if 0 in before:
        return None
    runs = runs_of(before, after)
    order: list[int] = []
    left = [axis for axis in perm if before[axis] != 1]
    while left:
        taken, made = next(run for run in runs if left[0] in run[0])
        if left[: len(taken)] != taken:
            return None
        order += made
        left = left[len(taken) :]
    for axis, size in enumerate(after):
        if size == 1:
            order.insert(order.index(axis - 1) + 1 if axis else 0, axis)
    return tuple(order)


def _columns(
    ctx: Lowering, node: ir.Node, before: tuple[int, ...], after: tuple[int, ...], perm: Perm
) -> npt.NDArray[np.int64] | None:
    """The order of the flattened elements, when only fully connected layers read them; else None."""
    consumers = node.outputs[0].consumers()
    flattens = len(after) == 2 and perm[0] == 0 and after == (before[0], prod(before[1:]))
    if not flattens or node.outputs[0].is_graph_output() or not consumers:
        return None
    if any(each.op_type != "Gemm" or each.inputs[0] is not node.outputs[0] for each in consumers):
        return None
    order = np.arange(prod(before[1:])).reshape((1, *before[1:])).transpose(perm)
    return order.reshape(-1)


def lower_transpose(ctx: Lowering, node: ir.Node) -> None:
    """Transpose: the same tensor, seen in another layout; nothing is computed until that layout is asked for."""
    attributes = Attributes(node)
    value = node.inputs[0]
    order = attributes.integers("perm", ())
    attributes.done()
    perm = ctx.perm(node)
    source = ctx.get(node, 0, perm)
    stored = compose(inverse(order), perm)
    if value is not None and source is ctx.stored(value).tensor and not node.outputs[0].is_graph_output():
        ctx.put(node.outputs[0], source, stored)
        return
    plain = identity(len(order))
    final = ctx.result(node, plain)
    axes = ctx.graph.constant(f"{final.name}_perm", np.array(compose(inverse(perm), order), np.int32))
    ctx.op("TRANSPOSE", [source, axes], [final], form=ctx.form(node))


def lower_concat(ctx: Lowering, node: ir.Node) -> None:
    """Concat -> CONCATENATION, in the layout of its first computed input."""
    attributes = Attributes(node)
    rank = len(ctx.shape(node.outputs[0]))
    axis = attributes.integer("axis", 0) % rank
    attributes.done()
    whole = [i for i in range(len(node.inputs)) if 0 not in ctx.shape(ctx.value(node, i))]
    perm = next(
        (ctx.perm(node, i) for i in whole if ctx.value(node, i).const_value is None),
        identity(rank),
    )
    parts = [ctx.get(node, index, perm) for index in whole]
    final = ctx.result(node, perm)
    if final.grid is not None:
        parts = [part if part.data is not None else ctx.as_int8(part, final.grid) for part in parts]
    ctx.op("CONCATENATION", parts, [final], {"axis": perm.index(axis)}, ctx.form(node))


def lower_pad(ctx: Lowering, node: ir.Node) -> None:
    """Pad -> PAD, PADV2 or MIRROR_PAD."""
    attributes = Attributes(node)
    mode = attributes.text("mode", "constant")
    attributes.done()
    sizes = ctx.constant_of(node.inputs[1])
    if sizes is None or (len(node.inputs) > 3 and node.inputs[3] is not None):
        refuse(node, "computed pads, or pads for some axes only", "Export the model with constant pads")
    perm = ctx.perm(node)
    pairs = sizes.reshape(2, -1).T[list(perm)].astype(np.int32)
    if (pairs < 0).any():
        refuse(node, f"negative pads {sizes.tolist()}", "Use a Slice")
    source, final = ctx.get(node, 0, perm), ctx.result(node, perm)
    pads = ctx.graph.constant(f"{final.name}_pads", pairs)
    if mode == "reflect":
        ctx.op(
            "MIRROR_PAD", [source, pads], [final], {"mode": enum("MirrorPadMode", "REFLECT")}, ctx.form(node)
        )
        return
    if mode != "constant":
        refuse(node, f"mode {mode!r}", "Use constant or reflect, or convert to .onnx")
    fill = ctx.constant_of(node.inputs[2]) if len(node.inputs) > 2 else None
    if fill is None or not fill.reshape(-1)[0]:
        ctx.op("PAD", [source, pads], [final], form=ctx.form(node))
        return
    array = fill.reshape(-1)[:1]
    stored = array if final.grid is None else final.grid.quantize(array)
    value = ctx.graph.constant(f"{final.name}_fill", stored, final.grid)
    ctx.op("PADV2", [source, pads, value], [final], form=ctx.form(node))


def lower_slice(ctx: Lowering, node: ir.Node) -> None:
    """Slice with constant limits and positive steps -> STRIDED_SLICE."""
    Attributes(node).done()
    limits = [ctx.constant_of(value) for value in node.inputs[1:]]
    if any(value is not None and array is None for value, array in zip(node.inputs[1:], limits, strict=True)):
        refuse(node, "computed limits", "Export the model with constant limits")
    shape = ctx.shape(ctx.value(node))
    rank = len(shape)
    starts, ends = limits[0], limits[1]
    if starts is None or ends is None:
        refuse(node, "no limits", "Export the model again")
    axes = limits[2] if len(limits) > 2 and limits[2] is not None else np.arange(len(starts))
    steps = limits[3] if len(limits) > 3 and limits[3] is not None else np.ones(len(starts), np.int64)
    if (steps < 1).any():
        refuse(node, f"steps {steps.tolist()}", "Slice forwards, or convert to .onnx")
    begin, end, stride = [0] * rank, list(shape), [1] * rank
    for start, stop, axis, step in zip(
        starts.tolist(), ends.tolist(), axes.tolist(), steps.tolist(), strict=True
    ):
        size = shape[axis]
        begin[axis] = min(max(start + size if start < 0 else start, 0), size)
        end[axis] = min(max(stop + size if stop < 0 else stop, 0), size)
        stride[axis] = step
    perm = ctx.perm(node)
    source, final = ctx.get(node, 0, perm), ctx.result(node, perm)
    constants = [
        ctx.graph.constant(f"{final.name}_{what}", np.array([values[axis] for axis in perm], np.int32))
        for what, values in (("begin", begin), ("end", end), ("strides", stride))
    ]
    ctx.op("STRIDED_SLICE", [source, *constants], [final], form=ctx.form(node))
