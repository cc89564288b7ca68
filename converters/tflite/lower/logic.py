"""Comparisons, logic, choices and changes of type, on whatever integers and numbers TFLite has them for."""

from __future__ import annotations

from math import prod

import numpy as np
import onnx_ir as ir

from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lower.arithmetic import (
    MAX_RANK,
    broadcast_layout,
    broadcast_operand,
    joined_axes,
    write_joined,
)
from edgemm.converters.tflite.lowering import Lowering
from edgemm.converters.tflite.schema import TYPES

COMPARISONS = {
    "Equal": "EQUAL",
    "Greater": "GREATER",
    "GreaterOrEqual": "GREATER_EQUAL",
    "Less": "LESS",
    "LessOrEqual": "LESS_EQUAL",
    "And": "LOGICAL_AND",
    "Or": "LOGICAL_OR",
    "Xor": "NOT_EQUAL",
}
COMPARED = frozenset({"float32", "int32", "int64", "bool"})
CAST = frozenset({"float32", "int32", "int64", "bool", "uint8", "int8"})
CHOSEN = frozenset({"float32", "int32", "int64", "bool"})


def lower_comparison(ctx: Lowering, node: ir.Node) -> None:
    """Comparisons and logic of two operands, with broadcasting."""
    Attributes(node).done()
    sides, perm, joined = _sides(ctx, node, (0, 1), COMPARED)
    if node.op_type not in ("Equal", "Xor", "And", "Or") and "bool" in {side.dtype for side in sides}:
        refuse(node, "an order of truth values", "Cast them to integers")
    write_joined(ctx, COMPARISONS[node.op_type], sides, ctx.result(node, perm), joined)


def lower_not(ctx: Lowering, node: ir.Node) -> None:
    """Not -> LOGICAL_NOT."""
    Attributes(node).done()
    perm = ctx.perm(node)
    ctx.op("LOGICAL_NOT", [ctx.get(node, 0, perm)], [ctx.result(node, perm)])


def lower_where(ctx: Lowering, node: ir.Node) -> None:
    """Where -> SELECT_V2."""
    Attributes(node).done()
    sides, perm, joined = _sides(ctx, node, (0, 1, 2), CHOSEN)
    final = ctx.result(node, perm)
    if joined is None and len(final.shape) > MAX_RANK:
        joined = (prod(final.shape),)
        sides = [ctx.reshape(side, joined) for side in sides]
    write_joined(ctx, "SELECT_V2", sides, final, joined)


def _sides(
    ctx: Lowering, node: ir.Node, indices: tuple[int, ...], allowed: frozenset[str]
) -> tuple[list[Tensor], tuple[int, ...], tuple[int, ...] | None]:
    rank = len(ctx.shape(node.outputs[0]))
    perm = broadcast_layout(ctx, node, rank)
    sides = [broadcast_operand(ctx, node, index, rank, perm) for index in indices]
    wrong = sorted({side.dtype for side in sides} - allowed)
    if wrong:
        refuse(node, f"{node.op_type} of {', '.join(wrong)}", "Cast to float32 or int32")
    sides, joined = joined_axes(ctx, node, sides)
    return sides, perm, joined


def lower_cast(ctx: Lowering, node: ir.Node) -> None:
    """Cast -> CAST; real numbers to truth values are compared with zero, as ONNX does it."""
    attributes = Attributes(node)
    attributes.integer("to", 1)
    attributes.integer("saturate", 1)
    attributes.done()
    perm = ctx.perm(node)
    source = ctx.get(node, 0, perm)
    wanted = node.outputs[0].dtype
    to = wanted.numpy().name if wanted is not None else "?"
    if source.dtype not in CAST or to not in CAST or to not in TYPES:
        refuse(node, f"Cast of {source.dtype} to {to}", "Convert to .onnx")
    if source.dtype == "float32" and to in ("uint8", "int8"):
        refuse(
            node, f"Cast of float32 to {to}, which runtimes round and wrap in their own ways", "Cast to int32"
        )
    final = ctx.result(node, perm)
    if to == "bool":
        zero = ctx.graph.constant(f"{final.name}_zero", np.zeros((), source.dtype))
        ctx.op("NOT_EQUAL", [source, zero], [final])
        return
    ctx.op("CAST", [source], [final])
