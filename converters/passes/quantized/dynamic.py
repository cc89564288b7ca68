"""Layers that quantize their input while they run: the product of real numbers that they stand for.

Their grids follow the numbers, so nothing is cut off and no range is told. The input is marked, so that the rounding
can be put back where the source is to be compared with.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import (
    Array,
    array_of,
    bypass,
    data_of,
    nodes_of,
    shape_of,
    sole_consumer,
)
from edgemm.quantize.declared import KEY

DYNAMIC = "dynamic"
"""In place of a grid on a value: its readers that have weights round it to 8 bits over its own range."""


def read_dynamic_layers(model: ir.Model) -> int:
    """DynamicQuantizeLinear with the product or the DequantizeLinear behind it -> the real numbers.

    Precondition: constants are folded, shapes are static.

    Returns:
        How many layers became real.
    """
    count = sum(_layer(node) for node in nodes_of(model, "MatMulInteger", "ConvInteger"))
    return count + sum(_real_again(node) for node in nodes_of(model, "DequantizeLinear"))


def _real_again(node: ir.Node) -> bool:
    """All that a DynamicQuantizeLinear makes, put together again."""
    maker = data_of(node).producer()
    if maker is None or maker.op_type != "DynamicQuantizeLinear" or list(node.inputs) != list(maker.outputs):
        return False
    source = data_of(maker)
    if node.outputs[0].is_graph_output():
        return False
    source.metadata_props.setdefault(KEY, DYNAMIC)
    return bypass(node, source)


def _layer(node: ir.Node) -> bool:
    """DynamicQuantizeLinear, a product of integers, and both scales -> the product of real numbers."""
    maker = data_of(node).producer()
    draft = Draft(node)
    weights = array_of(draft.input(1))
    points = array_of(draft.input(3)) if draft.has(3) else None
    if maker is None or maker.op_type != "DynamicQuantizeLinear" or weights is None:
        return False
    if (draft.has(3) and points is None) or not draft.has(2) or draft.input(2) is not maker.outputs[2]:
        return False
    scaled = _scaled(node, maker.outputs[1])
    if scaled is None:
        return False
    end, steps = scaled
    zero = np.zeros((), np.float32) if points is None else points.astype(np.float32)
    by_row = (-1, *(1,) * (weights.ndim - 1))
    if node.op_type == "ConvInteger":
        zero, steps = (each.reshape(by_row) if each.size > 1 else each for each in (zero, steps))
    real = draft.constant(((weights.astype(np.float32) - zero) * steps).astype(np.float32))
    source = data_of(maker)
    source.metadata_props.setdefault(KEY, DYNAMIC)
    if node.op_type == "MatMulInteger":
        made = draft.matmul(source, real)
    else:
        attributes = {name: attribute.value for name, attribute in node.attributes.items()}
        made = draft.op("Conv", [source, real], shape_of(node.outputs[0]), ir.DataType.FLOAT, **attributes)
    end.outputs[0].replace_all_uses_with(made, replace_graph_outputs=True)
    made.name, end.outputs[0].name = end.outputs[0].name, f"{made.name}_unused"
    return True


def _scaled(node: ir.Node, scale: ir.Value) -> tuple[ir.Node, Array] | None:
    """The Mul that makes sums of integers real, and the scale of the weights; None for another pattern."""
    after = sole_consumer(node.outputs[0])
    if after is None or after.op_type != "Cast":
        return None
    end = sole_consumer(after.outputs[0])
    if end is None or end.op_type != "Mul":
        return None
    other = data_of(end, 1 if end.inputs[0] is after.outputs[0] else 0).producer()
    if other is None or other.op_type != "Mul" or scale not in other.inputs:
        return None
    steps = array_of(data_of(other, 1 if other.inputs[0] is scale else 0))
    return None if steps is None else (end, steps)
