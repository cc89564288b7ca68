"""Functions of one operand, element by element, and softmax."""

from __future__ import annotations

from math import isclose
from typing import Any

import numpy as np
import onnx_ir as ir

from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lowering import Lowering, Perm, channels_last
from edgemm.quantize.declared import cuts, saturates
from edgemm.quantize.functions import least_length
from edgemm.quantize.fusion import FUSED_BOUNDS, bounds

UNARY = {
    "Abs": "ABS",
    "Ceil": "CEIL",
    "Cos": "COS",
    "Exp": "EXP",
    "Floor": "FLOOR",
    "HardSwish": "HARD_SWISH",
    "Log": "LOG",
    "Neg": "NEG",
    "Relu": "RELU",
    "Round": "ROUND",
    "Sigmoid": "LOGISTIC",
    "Sign": "SIGN",
    "Sin": "SIN",
    "Sqrt": "SQRT",
    "Tanh": "TANH",
}
WHOLE = {"Abs": ("int32",), "Neg": ("int32", "int64"), "Sign": ("int32",)}
"""Those that take whole numbers, and which."""


def lower_unary(ctx: Lowering, node: ir.Node) -> None:
    """One operator without options, in any layout."""
    Attributes(node).done()
    perm = ctx.perm(node)
    source = ctx.get(node, 0, perm)
    real = source.dtype == "float32" or source.grid is not None
    if not real and source.dtype not in WHOLE.get(node.op_type, ()):
        refuse(node, f"{node.op_type} of {source.dtype}", "Cast to float32")
    ctx.op(UNARY[node.op_type], [source], [ctx.result(node, perm)], form=ctx.form(node))


def lower_atan(ctx: Lowering, node: ir.Node) -> None:
    """Atan -> ATAN2 beside 1."""
    Attributes(node).done()
    perm = ctx.perm(node)
    source, final = ctx.get(node, 0, perm), ctx.result(node, perm)
    ones = ctx.graph.constant(f"{final.name}_ones", np.ones(source.shape, np.float32))
    ctx.op("ATAN2", [source, ones], [final])


def lower_local_response(ctx: Lowering, node: ir.Node) -> None:
    """LRN over an odd number of channels -> LOCAL_RESPONSE_NORMALIZATION."""
    attributes = Attributes(node)
    size = attributes.integer("size", 1)
    options = {
        "radius": size // 2,
        "bias": attributes.number("bias", 1.0),
        "alpha": attributes.number("alpha", 1e-4) / size,
        "beta": attributes.number("beta", 0.75),
    }
    attributes.done()
    rank = len(ctx.shape(ctx.value(node)))
    if size % 2 == 0 or rank != 4:
        refuse(node, f"{size} channels, or another rank than 4", "Use an odd size, or convert to .onnx")
    perm = channels_last(4)
    ctx.op("LOCAL_RESPONSE_NORMALIZATION", [ctx.get(node, 0, perm)], [ctx.result(node, perm)], options)


def lower_leaky_relu(ctx: Lowering, node: ir.Node) -> None:
    """LeakyRelu -> LEAKY_RELU."""
    attributes = Attributes(node)
    alpha = attributes.number("alpha", 0.01)
    attributes.done()
    perm = ctx.perm(node)
    source = ctx.get(node, 0, perm)
    ctx.op("LEAKY_RELU", [source], [ctx.result(node, perm)], {"alpha": alpha}, ctx.form(node))


def lower_elu(ctx: Lowering, node: ir.Node) -> None:
    """Elu with alpha 1 -> ELU, which knows no other."""
    attributes = Attributes(node)
    alpha = attributes.number("alpha", 1.0)
    attributes.done()
    if alpha != 1.0:
        refuse(node, f"alpha is {alpha:g}; TFLite's ELU has 1", "Train with alpha 1, or convert to .onnx")
    perm = ctx.perm(node)
    ctx.op("ELU", [ctx.get(node, 0, perm)], [ctx.result(node, perm)])


def lower_gelu(ctx: Lowering, node: ir.Node) -> None:
    """Gelu and FastGelu -> GELU."""
    Attributes(node).done()
    perm = ctx.perm(node)
    options = {"approximate": node.op_type == "FastGelu"}
    ctx.op("GELU", [ctx.get(node, 0, perm)], [ctx.result(node, perm)], options)


LEAST_LENGTH = 1e-6
"""What the kernels of L2_NORMALIZATION divide by at least."""
LEAST_SQUARE = 1e-36
"""Of a limit that may be squared: float32 holds that in full."""


def lower_length(ctx: Lowering, node: ir.Node) -> None:
    """LpNormalization of p 2 -> L2_NORMALIZATION, which is over the last axis.

    Written out for another axis, which costs less than to move it, and where the limits of the two differ and the
    operand can be that short; on a grid it is not, but for zeros.
    """
    attributes = Attributes(node)
    axis, power = attributes.integer("axis", -1), attributes.integer("p", 2)
    attributes.done()
    if power != 2:
        refuse(node, f"p is {power}", "This is a fault: it is written out before")
    axis, limit = axis % len(ctx.shape(node.outputs[0])), least_length(node)
    perm, grid = ctx.perm(node), ctx.stored(ctx.value(node)).tensor.grid
    coarse = grid is not None and grid.scalar >= max(limit, LEAST_LENGTH)
    if perm[-1] != axis or not (coarse or isclose(limit, LEAST_LENGTH, rel_tol=1e-6)):
        _divide_by_length(ctx, node, axis, limit)
        return
    options = {"fusedActivationFunction": ctx.activation(node)}
    ctx.op("L2_NORMALIZATION", [ctx.get(node, 0, perm)], [ctx.result(node, perm)], options)


def _divide_by_length(ctx: Lowering, node: ir.Node, axis: int, limit: float) -> None:
    """x * rsqrt(max(sum(x^2), limit^2)); x / max(sqrt(sum), limit) where that square is too small."""
    perm = ctx.perm(node)
    source = ctx.get(node, 0, perm)
    small = tuple(1 if each == axis else source.shape[place] for place, each in enumerate(perm))
    final = ctx.result(node, perm)

    def made(
        code: str, *inputs: Tensor, options: dict[str, Any] | None = None, dtype: str = "float32"
    ) -> Tensor:
        shape = np.broadcast_shapes(*(each.shape for each in inputs)) if code == "MUL" else small
        tensor = ctx.graph.tensor(f"{final.name}_{code.lower()}", shape, dtype)
        ctx.op(code, list(inputs), [tensor], options)
        return tensor

    def number(name: str, value: float) -> Tensor:
        return ctx.graph.constant(f"{final.name}_{name}", np.full([1] * len(small), value, np.float32))

    over = ctx.graph.constant(f"{final.name}_axis", np.array([perm.index(axis)], np.int32))
    total = made("SUM", made("MUL", source, source), over, options={"keepDims": True})
    options = {"fusedActivationFunction": ctx.activation(node)}
    if limit**2 >= LEAST_SQUARE:
        inverse = made("RSQRT", made("MAXIMUM", total, number("limit", limit**2)))
        ctx.op("MUL", [source, inverse], [final], options)
        return
    length = made("SQRT", total)
    if limit > 0.0:
        length = made("MAXIMUM", length, number("limit", limit))
    else:
        nothing = made("EQUAL", length, number("zero", 0.0), dtype="bool")
        length = made("SELECT_V2", nothing, number("one", 1.0), length)
    ctx.op("DIV", [source, length], [final], options)


def _ending_with(perm: Perm, axis: int) -> Perm:
    """The layout, or one like it that has the axis last."""
    return perm if perm[-1] == axis else (*(each for each in perm if each != axis), axis)


def lower_clip(ctx: Lowering, node: ir.Node) -> None:
    """Clip -> a ReLU where its limits are those of one, else MAXIMUM and MINIMUM on the output's grid; nothing, or a
    change of grid, where the limits are the ends of a grid that it reads or writes."""
    Attributes(node).done()
    limits = bounds(node)
    if limits is None:
        refuse(node, "computed limits", "Export the model with constant limits")
    perm = ctx.perm(node)
    source = ctx.get(node, 0, perm)
    if saturates(node) and ctx.is_int8(node):
        grid = ctx.grid(node.outputs[0])
        if cuts(grid, limits) or cuts(source.grid, limits):
            ctx.put(node.outputs[0], ctx.as_int8(source, grid), perm)
            return
    if not np.isfinite(limits).any():
        ctx.put(node.outputs[0], source, perm)
        return
    final = ctx.result(node, perm)
    if limits in FUSED_BOUNDS:
        ctx.op(FUSED_BOUNDS[limits], [source], [final], form=ctx.form(node))
        return
    if final.grid is not None:
        source = ctx.as_int8(source, final.grid)
    steps = [
        (code, limit)
        for code, limit in zip(("MAXIMUM", "MINIMUM"), limits, strict=True)
        if np.isfinite(limit)
    ]
    for number, (code, limit) in enumerate(steps, 1):
        last = number == len(steps)
        made = (
            final if last else ctx.graph.tensor(f"{final.name}_above", final.shape, final.dtype, final.grid)
        )
        ctx.op(code, [source, _limit(ctx, final, limit)], [made], form=ctx.form(node))
        source = made


def _limit(ctx: Lowering, final: Tensor, limit: float) -> Tensor:
    array = np.array([limit] if final.shape else limit, np.float32)  # a vector would make one of a scalar
    if final.grid is not None:
        return ctx.graph.constant(f"{final.name}_limit", final.grid.quantize(array), final.grid)
    return ctx.graph.constant(f"{final.name}_limit", array)


def lower_softmax(ctx: Lowering, node: ir.Node) -> None:
    """Softmax and LogSoftmax over any axis; TFLite's are over the last."""
    attributes = Attributes(node)
    rank = len(ctx.shape(node.outputs[0]))
    axis = attributes.integer("axis", -1) % rank
    attributes.done()
    perm = ctx.perm(node)
    perm = _ending_with(perm, axis)
    source = ctx.get(node, 0, perm)
    code = "SOFTMAX" if node.op_type == "Softmax" else "LOG_SOFTMAX"
    ctx.op(code, [source], [ctx.result(node, perm)], {"beta": 1.0}, ctx.form(node))
