"""Turns matrix products that are fully connected layers into Gemm."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import (
    Array,
    array_of,
    bypass,
    constant,
    data_of,
    graph_of,
    insert_before,
    nodes_of,
    shape_of,
    sole_consumer,
    take_place,
)


def matmuls_to_gemms(model: ir.Model) -> int:
    """A MatMul of rank 2 with a constant right side becomes Gemm, an Add of a constant [out] after it its C.

    Precondition: shapes are static, constants are initializers. Products of other ranks stay.

    Returns:
        How many became Gemm.
    """
    return sum(_convert(node) for node in nodes_of(model, "MatMul")) + sum(
        _absorb(node) for node in nodes_of(model, "Gemm")
    )


def _convert(node: ir.Node) -> bool:
    weight = array_of(data_of(node, 1))
    if weight is None or weight.ndim != 2 or len(shape_of(data_of(node))) != 2 or weight.dtype != np.float32:
        return False
    graph = graph_of(node)
    inputs = [
        data_of(node),
        constant(graph, f"{node.name}_weight", weight.T),
        constant(graph, f"{node.name}_bias", np.zeros(weight.shape[1], weight.dtype)),
    ]
    shape = shape_of(node.outputs[0])
    product = insert_before(node, "Gemm", inputs, {"transA": 0, "transB": 1}, suffix="gemm", shape=shape)
    take_place(node, product)
    return True


def _absorb(node: ir.Node) -> bool:
    """Takes the Add after a Gemm into its C."""
    add = sole_consumer(node.outputs[0])
    bias = array_of(node.inputs[2]) if len(node.inputs) > 2 else None
    if add is None or add.op_type != "Add" or add.domain != "" or bias is None:
        return False
    addend = array_of(add.inputs[1] if add.inputs[0] is node.outputs[0] else add.inputs[0])
    if addend is None or not _is_row(addend, len(bias)) or node.attributes.get_float("beta", 1.0) != 1.0:
        return False
    total = (bias.astype(np.float64) + addend.reshape(-1)).astype(bias.dtype)
    node.replace_input_with(2, constant(graph_of(node), f"{node.name}_bias", total))
    return bypass(add, node.outputs[0])


def _is_row(addend: Array, width: int) -> bool:
    """True when the constant adds the same to every row, and does not broadcast the product."""
    return addend.ndim <= 2 and addend.size in (1, width) and (addend.ndim < 2 or addend.shape[0] == 1)
