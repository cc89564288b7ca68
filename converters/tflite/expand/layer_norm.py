"""LayerNormalization in sums and products.

https://onnx.ai/onnx/operators/onnx__LayerNormalization.html
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import constant, graph_of, insert_before, shape_of, take_place
from edgemm.errors import UnsupportedOperator


def expand_layer_norm(node: ir.Node) -> bool:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias, over the axes from `axis` on."""
    source, scale = node.inputs[0], node.inputs[1]
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    if (
        source is None
        or scale is None
        or any(each.uses() or each.is_graph_output() for each in node.outputs[1:])
    ):
        raise UnsupportedOperator(
            f"node {node.name!r} (LayerNormalization): its mean or deviation is used. Compute them apart"
        )
    shape = shape_of(source)
    axis = node.attributes.get_int("axis", -1) % len(shape)
    axes = list(range(axis, len(shape)))
    small = tuple(1 if index in axes else size for index, size in enumerate(shape))
    graph = graph_of(node)
    epsilon = constant(
        graph, f"{node.name}_epsilon", np.array(node.attributes.get_float("epsilon", 1e-5), np.float32)
    )
    mean = insert_before(
        node, "ReduceMean", [source], {"axes": axes, "keepdims": 1}, suffix="mean", shape=small
    )
    off = insert_before(node, "Sub", [source, mean], suffix="centred", shape=shape)
    square = insert_before(node, "Mul", [off, off], suffix="squared", shape=shape)
    variance = insert_before(
        node, "ReduceMean", [square], {"axes": axes, "keepdims": 1}, suffix="variance", shape=small
    )
    raised = insert_before(node, "Add", [variance, epsilon], suffix="raised", shape=small)
    deviation = insert_before(node, "Sqrt", [raised], suffix="deviation", shape=small)
    unit = insert_before(node, "Div", [off, deviation], suffix="unit", shape=shape)
    result = insert_before(node, "Mul", [unit, scale], suffix="scaled", shape=shape)
    if bias is not None:
        result = insert_before(node, "Add", [result, bias], suffix="shifted", shape=shape)
    take_place(node, result)
    return True
