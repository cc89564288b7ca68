"""Arithmetic on two operands, in whatever layout they are stored."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import onnx_ir as ir

from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lowering import Lowering, Perm, identity
from edgemm.converters.tflite.schema import Form

BINARY = {
    "Add": "ADD",
    "Sub": "SUB",
    "Mul": "MUL",
    "Div": "DIV",
    "Max": "MAXIMUM",
    "Min": "MINIMUM",
    "Pow": "POW",
    "Mod": "FLOOR_MOD",
}
FUSES = frozenset({"ADD", "SUB", "MUL", "DIV"})
"""Those whose options hold an activation."""
NUMBERS = {
    "ADD": frozenset({"float32", "int8", "int32", "int64"}),
    "DIV": frozenset({"float32", "int32"}),
    "FLOOR_MOD": frozenset({"float32", "int32", "int64"}),
    "POW": frozenset({"float32", "int32"}),
}
"""What each computes on; int8 stands for quantized real numbers. Those not listed are as ADD. TFLite's other types
are left out: 8-bit arithmetic without a scale aborts the process or wraps in another way."""
MAX_RANK = 4
"""Of operands that are broadcast against each other: kernels of older runtimes end there."""


def lower_binary(ctx: Lowering, node: ir.Node) -> None:
    """Add, Sub, Mul, Div, Max, Min, Mod, Pow, with broadcasting."""
    attributes = Attributes(node)
    if attributes.integer("fmod", 0) and not all(map(never_negative, node.inputs)):
        refuse(node, "fmod", "This is a fault: it is written out before")
    attributes.done()
    if len(node.inputs) != 2:
        refuse(node, f"{node.op_type} of {len(node.inputs)} operands", "Nest it in pairs")
    if _is_inverse_root(node):
        lower_inverse_root(ctx, node)
        return
    code = BINARY[node.op_type]
    rank = len(ctx.shape(node.outputs[0]))
    perm = broadcast_layout(ctx, node, rank)
    sides = [broadcast_operand(ctx, node, index, rank, perm) for index in (0, 1)]
    sides, joined = joined_axes(ctx, node, sides)
    kinds = {side.dtype for side in sides}
    if len(kinds) != 1 or not kinds <= NUMBERS.get(code, NUMBERS["ADD"]):
        refuse(node, f"{node.op_type} of {', '.join(sorted(kinds))}", "Cast to float32")
    final = ctx.result(node, perm)
    if code in ("MAXIMUM", "MINIMUM") and final.grid is not None:
        sides = [ctx.as_int8(side, final.grid) if side.data is None else side for side in sides]
    options = {"fusedActivationFunction": ctx.activation(node)} if code in FUSES else {}
    write_joined(ctx, code, sides, final, joined, options, ctx.form(node))


def _is_inverse_root(node: ir.Node) -> bool:
    """1 / sqrt(x)."""
    if node.op_type != "Div":
        return False
    one, root = node.inputs[0], node.inputs[1].producer() if node.inputs[1] is not None else None
    number = one.const_value if one is not None else None
    if number is None or number.size != 1 or root is None or root.op_type != "Sqrt" or root.inputs[0] is None:
        return False
    same = node.outputs[0].shape == root.inputs[0].shape and root.inputs[0].const_value is None
    return same and float(number.numpy().reshape(-1)[0]) == 1.0


def lower_inverse_root(ctx: Lowering, node: ir.Node) -> None:
    """1 / sqrt(x) -> RSQRT; the SQRT goes where nobody else reads it."""
    root = node.inputs[1].producer() if node.inputs[1] is not None else None
    if root is None:
        refuse(node, "no root is divided by", "This is a fault: please report the model")
    perm = ctx.perm(root)
    ctx.op("RSQRT", [ctx.get(root, 0, perm)], [ctx.result(node, perm)])


def never_negative(value: ir.Value | None) -> bool:
    """True for what is known to be 0 or more: there both kinds of remainder are one."""
    if value is None:
        return False
    if value.const_value is not None:
        return bool((value.const_value.numpy() >= 0).all())
    if value.dtype in UNSIGNED:
        return True
    producer = value.producer()
    if producer is None:
        return False
    if producer.op_type in MOVES:
        return never_negative(producer.inputs[0])
    if producer.op_type == "TopK":
        return value is producer.outputs[1]
    if producer.op_type == "Mod":
        divisor = producer.inputs[1]
        return not producer.attributes.get_int("fmod", 0) and never_negative(divisor)
    return producer.op_type in ("Abs", "ArgMax", "ArgMin")


UNSIGNED = frozenset({ir.DataType.BOOL, ir.DataType.UINT8, ir.DataType.UINT16, ir.DataType.UINT32})
MOVES = frozenset({"Cast", "Expand", "Gather", "Identity", "Reshape", "Slice", "Split", "Tile", "Transpose"})
"""Operators whose numbers are those of their first input."""


def joined_axes(
    ctx: Lowering, node: ir.Node, sides: list[Tensor]
) -> tuple[list[Tensor], tuple[int, ...] | None]:
    """Operands of at most MAX_RANK dimensions: neighbours that are broadcast alike become one.

    Returns:
        The operands, and the shape of what comes of them; None where nothing had to be joined.
    """
    shape = np.broadcast_shapes(*(side.shape for side in sides))
    rank = len(shape)
    if rank <= MAX_RANK or all(side.shape == shape for side in sides):
        return sides, None
    wide = [(1,) * (rank - len(side.shape)) + side.shape for side in sides]
    patterns = [tuple(each[axis] == shape[axis] for each in wide) for axis in range(rank)]
    groups: list[list[int]] = []
    for axis in range(rank):
        if groups and (shape[axis] == 1 or patterns[axis] == patterns[groups[-1][-1]]):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    if len(groups) > MAX_RANK:
        refuse(node, f"broadcasting over {rank} dimensions", "Reshape to at most four")
    parts = [tuple(prod(each[axis] for axis in group) for group in groups) for each in wide]
    joined = tuple(prod(shape[axis] for axis in group) for group in groups)
    return [_reshaped(ctx, side, part) for side, part in zip(sides, parts, strict=True)], joined


def _reshaped(ctx: Lowering, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    if tensor.data is None:
        return ctx.reshape(tensor, shape)
    return ctx.graph.constant(tensor.name, tensor.data.reshape(shape), tensor.grid)


def write_joined(
    ctx: Lowering,
    code: str,
    sides: list[Tensor],
    final: Tensor,
    joined: tuple[int, ...] | None,
    options: dict[str, Any] | None = None,
    form: Form = "float",
) -> None:
    """The operator, and a RESHAPE to the real shape where axes were joined."""
    if joined is None:
        ctx.op(code, sides, [final], options, form)
        return
    made = ctx.graph.tensor(f"{final.name}_joined", joined, final.dtype, final.grid)
    ctx.op(code, sides, [made], options, form)
    ctx.reshape_op(made, final)


def broadcast_layout(ctx: Lowering, node: ir.Node, rank: int) -> Perm:
    """The layout of the operands that have all dimensions: the first that is not ONNX's own."""
    found = [
        ctx.perm(node, index)
        for index, value in enumerate(node.inputs)
        if value is not None and value.const_value is None and len(ctx.shape(value)) == rank
    ]
    return next((perm for perm in found if perm != identity(rank)), identity(rank))


def broadcast_operand(ctx: Lowering, node: ir.Node, index: int, rank: int, perm: Perm) -> Tensor:
    """One operand with all dimensions, in the layout of the result; one element stays as it is."""
    value = node.inputs[index]
    own = len(ctx.shape(value)) if value is not None else 0
    if own == rank:
        return ctx.get(node, index, perm)
    tensor = ctx.get(node, index, identity(own))
    full = (1,) * (rank - own) + tensor.shape
    if tensor.data is not None:
        return ctx.graph.constant(tensor.name, tensor.data.reshape(full).transpose(perm), tensor.grid)
    return ctx.transpose(ctx.reshape(tensor, full), perm)


def lower_prelu(ctx: Lowering, node: ir.Node) -> None:
    """PRelu -> PRELU with its slopes over the last axes."""
    Attributes(node).done()
    rank = len(ctx.shape(node.outputs[0]))
    perm = ctx.perm(node)
    slope = broadcast_operand(ctx, node, 1, rank, perm)
    if slope.data is None:
        refuse(node, "computed slopes", "Export the model with constant slopes")
    if slope.shape[0] == 1 and rank > 1:
        slope = ctx.graph.constant(slope.name, slope.data[0], slope.grid)
    source = ctx.get(node, 0, perm)
    ctx.op("PRELU", [source, slope], [ctx.result(node, perm)], form=ctx.form(node))
