"""Fully connected layers and products of matrices."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import sole_consumer
from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lower.weights import bias, weights
from edgemm.converters.tflite.lowering import Lowering, Perm, identity
from edgemm.converters.tflite.schema import Form, enum
from edgemm.errors import ConversionError


def lower_gemm(ctx: Lowering, node: ir.Node) -> None:
    """Gemm with constant weights [out, in] -> FULLY_CONNECTED."""
    attributes = Attributes(node)
    plain = (
        attributes.integer("transA", 0) == 0,
        attributes.integer("transB", 0) == 1,
        attributes.number("alpha", 1.0) == 1.0,
        attributes.number("beta", 1.0) == 1.0,
    )
    attributes.done()
    array = ctx.constant_of(node.inputs[1])
    if not all(plain) or array is None:
        refuse(node, "a Gemm that is not in normal form, or has computed weights", "Please report the model")
    source, array = _source(ctx, node, array)
    kernel = weights(ctx, node, 1, array, (0, 1))
    inputs = [source, kernel, bias(ctx, node, 2)]
    options = {"fusedActivationFunction": ctx.activation(node)}
    ctx.op("FULLY_CONNECTED", inputs, [ctx.result(node, (0, 1))], options, _form(ctx, node))


def _source(ctx: Lowering, node: ir.Node, array: np.ndarray) -> tuple[Tensor, np.ndarray]:
    """The input, and the weights with their columns in the order in which it is stored."""
    value = node.inputs[0]
    stored = ctx.stored(value) if value is not None and value.const_value is None else None
    if stored is None or stored.columns is None or value is None:
        return ctx.get(node, 0, (0, 1)), array
    tensor = ctx.in_form(node, value, stored.tensor)
    return tensor, array[:, stored.columns]


def _form(ctx: Lowering, node: ir.Node) -> Form:
    if ctx.is_dynamic(node):
        return "hybrid" if ctx.weight_grid(node, 1).axis is None else "hybrid_per_channel"
    return ctx.form(node)


def lower_matmul(ctx: Lowering, node: ir.Node) -> None:
    """MatMul -> FULLY_CONNECTED where the right side is a constant matrix, with the row that is added behind it; else
    BATCH_MATMUL."""
    Attributes(node).done()
    left, right = node.inputs[0], node.inputs[1]
    ranks = tuple(len(ctx.shape(value)) for value in (left, right) if value is not None)
    if min(ranks) < 2:
        refuse(node, "a product with a vector", "Reshape the vector to a matrix of one row or column")
    array = ctx.constant_of(right)
    if array is not None and array.ndim == 2 and ctx.constant_of(left) is None:
        _fully_connected(ctx, node, array, ranks[0])
        return
    final = ctx.result(node, identity(max(ranks)))
    fused = ctx.activation(node)
    turned = _stands_turned(ctx, node)
    sides = [
        ctx.get(node, index, _turned(rank) if index and turned else identity(rank))
        for index, rank in enumerate(ranks)
    ]
    _require_around_zero(ctx, node, sides[1])
    made = (
        final
        if not fused
        else ctx.graph.tensor(f"{final.name}_product", final.shape, final.dtype, final.grid)
    )
    ctx.op("BATCH_MATMUL", sides, [made], {"adjX": False, "adjY": turned}, ctx.form(node))
    if fused:
        name = {enum("ActivationFunctionType", each): each for each in ("RELU", "RELU6", "RELU_N1_TO_1")}[
            fused
        ]
        ctx.op(name, [made], [final], form=ctx.form(node))


def _fully_connected(ctx: Lowering, node: ir.Node, array: np.ndarray, rank: int) -> None:
    add = row_behind(ctx, node)
    last = node if add is None else add[0]
    final = ctx.result(last, identity(rank))
    source, kernel = ctx.get(node, 0, identity(rank)), weights(ctx, node, 1, array, (1, 0))
    addend = None if add is None else ctx.graph.constant(f"{final.name}_bias", add[1])
    options = {"keepNumDims": True, "fusedActivationFunction": ctx.activation(last)}
    form = _form(ctx, node)
    form = form if form == "hybrid_per_channel" else "keep_dims"
    ctx.op("FULLY_CONNECTED", [source, kernel, addend], [final], options, form)
    if last is not node:
        ctx.written.add(str(last.name))


def row_behind(ctx: Lowering, node: ir.Node) -> tuple[ir.Node, np.ndarray] | None:
    """The Add of a constant row that alone reads a product, and the row; None where either computes on integers."""
    add = sole_consumer(node.outputs[0])
    if add is None or add.op_type != "Add" or add.domain != "" or ctx.is_int8(node) or ctx.is_int8(add):
        return None
    array = ctx.constant_of(add.inputs[1] if add.inputs[0] is node.outputs[0] else add.inputs[0])
    shape = ctx.shape(node.outputs[0])
    if array is None or array.size != shape[-1] or (array.ndim and array.shape[-1] != shape[-1]):
        return None
    return (add, array.reshape(-1)) if ctx.shape(add.outputs[0]) == shape else None


def _require_around_zero(ctx: Lowering, node: ir.Node, right: Tensor) -> None:
    """XNNPACK takes no zero point but 0 there."""
    grid = right.grid
    if not right.is_int8 or grid is None or grid.zero_point == 0 or ctx.plan.target.integer_only:
        return
    raise ConversionError(
        f"node {node.name!r} (MatMul): expected a right side with zero point 0, found {grid.zero_point}. "
        'Make the plan for target(name, "tflite")'
    )


def _turned(rank: int) -> Perm:
    """The last two axes have changed places."""
    return (*range(rank - 2), rank - 1, rank - 2)


def _stands_turned(ctx: Lowering, node: ir.Node) -> bool:
    """The right side's rows lie as BATCH_MATMUL reads them with `adjY`: the keys of an attention."""
    right = ctx.value(node, 1)
    if right.const_value is not None or ctx.is_int8(node):
        return False
    return ctx.perm(node, 1)[-1] == len(ctx.shape(right)) - 2
