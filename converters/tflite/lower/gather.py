"""Gathering slices by index."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lower.arithmetic import never_negative
from edgemm.converters.tflite.lower.weights import weights
from edgemm.converters.tflite.lowering import Lowering, identity


def lower_gather(ctx: Lowering, node: ir.Node) -> None:
    """Gather -> GATHER; numbers may count from the end. An embedding in int8 is made real behind it.

    One slice that is known, or neighbours, -> STRIDED_SLICE in the layout that is there: delegates have it."""
    attributes = Attributes(node)
    shape = ctx.shape(ctx.value(node))
    axis = attributes.integer("axis", 0) % max(len(shape), 1)
    attributes.done()
    picked = ctx.value(node, 1)
    numbers = ctx.constant_of(picked)
    if numbers is None and picked.dtype not in (ir.DataType.INT32, ir.DataType.INT64):
        refuse(node, "numbers of slices that are not integers", "Export the model again")
    if numbers is not None and _slice(ctx, node, axis, np.where(numbers < 0, numbers + shape[axis], numbers)):
        return
    final = ctx.result(node, identity(len(ctx.shape(node.outputs[0]))))
    table = ctx.constant_of(ctx.value(node)) if ctx.is_dynamic(node) else None
    source = (
        ctx.get(node, 0, identity(len(shape)))
        if table is None
        else weights(ctx, node, 0, table, identity(len(shape)))
    )
    if numbers is None:
        which = ctx.get(node, 1, identity(len(ctx.shape(picked))))
        if not never_negative(picked):
            which = from_the_front(ctx, which, (int(np.prod(which.shape)),), np.array(shape[axis]))
    else:
        wrapped = np.where(numbers < 0, numbers + shape[axis], numbers).astype(np.int32)
        which = ctx.graph.constant(str(picked.name), wrapped.reshape(numbers.shape))
    if table is None:
        ctx.op("GATHER", [source, which], [final], {"axis": axis}, ctx.form(node))
        return
    numbers_picked = ctx.graph.tensor(f"{final.name}_int8", final.shape, "int8", source.grid)
    ctx.op("GATHER", [source, which], [numbers_picked], {"axis": axis}, "int8")
    ctx.op("DEQUANTIZE", [numbers_picked], [final])


def _slice(ctx: Lowering, node: ir.Node, axis: int, numbers: npt.NDArray[Any]) -> bool:
    """Writes neighbours in a computed value as a slice of it; False where the numbers are others."""
    value, after = ctx.value(node), ctx.shape(node.outputs[0])
    if value.const_value is not None or value.dtype != ir.DataType.FLOAT or numbers.ndim > 1 or not after:
        return False
    flat = numbers.reshape(-1)
    if not flat.size or not np.array_equal(flat, np.arange(flat[0], flat[0] + flat.size)):
        return False
    perm = ctx.perm(node)
    left = perm if numbers.ndim else tuple(each - (each > axis) for each in perm if each != axis)
    source, final = ctx.get(node, 0, perm), ctx.result(node, left)
    place = perm.index(axis)
    begin, end = [0] * len(perm), list(source.shape)
    begin[place], end[place] = int(flat[0]), int(flat[-1]) + 1
    limits = [
        ctx.graph.constant(f"{final.name}_{what}", np.array(sizes, np.int32))
        for what, sizes in (("begin", begin), ("end", end), ("strides", [1] * len(perm)))
    ]
    cut = tuple(high - low for low, high in zip(begin, end, strict=True))
    made = (
        final if cut == final.shape else ctx.graph.tensor(f"{final.name}_slice", cut, final.dtype, final.grid)
    )
    ctx.op("STRIDED_SLICE", [source, *limits], [made], form=ctx.form(node))
    if made is not final:
        ctx.reshape_op(made, final)
    return True


def from_the_front(ctx: Lowering, numbers: Tensor, form: tuple[int, ...], sizes: npt.NDArray[Any]) -> Tensor:
    """Computed numbers, none of which counts from the end: kernels refuse those that do.

    Args:
        form: the shape in which they are computed with; kernels take few axes.
        sizes: what a number below zero counts from, broadcast to `form`.
    """
    kind = np.dtype(numbers.dtype)
    zero = ctx.graph.constant(f"{numbers.name}_zero", np.zeros_like(sizes, kind))
    whole = ctx.graph.constant(f"{numbers.name}_size", sizes.astype(kind))
    flat = ctx.reshape(numbers, form)
    below = ctx.graph.tensor(f"{numbers.name}_below", flat.shape, "bool")
    moved = ctx.graph.tensor(f"{numbers.name}_moved", flat.shape, numbers.dtype)
    chosen = ctx.graph.tensor(f"{numbers.name}_wrapped", flat.shape, numbers.dtype)
    ctx.op("LESS", [flat, zero], [below])
    ctx.op("ADD", [flat, whole], [moved])
    ctx.op("SELECT_V2", [below, moved, flat], [chosen])
    return ctx.reshape(chosen, numbers.shape)
