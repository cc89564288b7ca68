"""Fully connected layers and products of matrices."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lower.weights import bias, weights
from edgemm.converters.tflite.lowering import Lowering, identity
from edgemm.converters.tflite.schema import Form, enum


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
    """MatMul -> FULLY_CONNECTED where the right side is a constant matrix, else BATCH_MATMUL."""
    Attributes(node).done()
    left, right = node.inputs[0], node.inputs[1]
    ranks = tuple(len(ctx.shape(value)) for value in (left, right) if value is not None)
    if min(ranks) < 2:
        refuse(node, "a product with a vector", "Reshape the vector to a matrix of one row or column")
    final = ctx.result(node, identity(max(ranks)))
    fused = ctx.activation(node)
    array = ctx.constant_of(right)
    if array is not None and array.ndim == 2 and ctx.constant_of(left) is None:
        kernel = weights(ctx, node, 1, array, (1, 0))
        source = ctx.get(node, 0, identity(ranks[0]))
        options = {"keepNumDims": True, "fusedActivationFunction": fused}
        form = _form(ctx, node)
        ctx.op(
            "FULLY_CONNECTED",
            [source, kernel, None],
            [final],
            options,
            form if form == "hybrid_per_channel" else "keep_dims",
        )
        return
    sides = [ctx.get(node, index, identity(rank)) for index, rank in enumerate(ranks)]
    made = (
        final
        if not fused
        else ctx.graph.tensor(f"{final.name}_product", final.shape, final.dtype, final.grid)
    )
    ctx.op("BATCH_MATMUL", sides, [made], {"adjX": False, "adjY": False}, ctx.form(node))
    if fused:
        name = {enum("ActivationFunctionType", each): each for each in ("RELU", "RELU6", "RELU_N1_TO_1")}[
            fused
        ]
        ctx.op(name, [made], [final], form=ctx.form(node))
