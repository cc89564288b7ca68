"""Factors and addends behind a layer become part of its weights: layer scale, division by a constant, channel bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.batch_norm import into_layer
from edgemm.converters.passes.rewrite import (
    Array,
    array_of,
    bypass,
    constant,
    data_of,
    graph_of,
    input_of,
    nodes_of,
    shape_of,
    sole_consumer,
)
from edgemm.quantize import declared
from edgemm.quantize.functions import is_written_out

LEAST = 1e-30
"""Of what is left of a weight: below it, float32 has fewer digits."""


def fold_factors(model: ir.Model) -> int:
    """A constant factor or divisor for each output channel of a Conv, ConvTranspose, Gemm or MatMul, and an addend of
    the first two, go into its weights, where nothing else reads the layer.

    Precondition: Conv and Gemm are in normal form, constants are initializers, shapes are static.

    Returns:
        How many were folded.
    """
    return sum(_fold(node) for node in nodes_of(model, "Mul", "Div", "Add"))


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """What a factor can go into."""

    node: ir.Node
    channels: int
    axis: int
    """Of the channels."""
    add: ir.Node | None = None
    """Of a MatMul: the row behind it, which the factor goes into as well."""


def _fold(node: ir.Node) -> bool:
    if len(node.inputs) != 2 or is_written_out(node):
        return False
    for index in (0,) if node.op_type == "Div" else (0, 1):
        value, other = data_of(node, index), array_of(data_of(node, 1 - index))
        layer = _layer(value)
        if layer is None or other is None or declared.KEY in value.metadata_props:
            continue
        row = _per_channel(other, layer, len(shape_of(value)))
        if row is None or shape_of(node.outputs[0]) != shape_of(value):
            continue
        if node.op_type == "Add":
            return layer.node.op_type in ("Conv", "ConvTranspose") and _add(node, layer, row)
        return _multiply(node, layer, 1.0 / row if node.op_type == "Div" and row.all() else row)
    return False


def _layer(value: ir.Value) -> _Layer | None:
    """The layer that makes the value, which nobody else reads."""
    node = value.producer()
    if node is None or node.domain != "" or sole_consumer(value) is None:
        return None
    rank = len(shape_of(value))
    if node.op_type in ("Conv", "ConvTranspose", "Gemm"):
        known = array_of(input_of(node, 1)) is not None
        bias = input_of(node, 2)
        plain = node.op_type != "Gemm" or node.attributes.get_float("beta", 1.0) == 1.0
        if known and plain and (bias is None or _is_row(array_of(bias), shape_of(value)[1])):
            return _Layer(node, shape_of(value)[1], 1)
        return None
    add = None
    if node.op_type == "Add":
        sides = [each for each in node.inputs if each is not None and each.const_value is None]
        maker = sides[0].producer() if len(sides) == 1 else None
        if maker is None or sole_consumer(sides[0]) is not node or shape_of(sides[0]) != shape_of(value):
            return None
        if declared.KEY in sides[0].metadata_props or is_written_out(node):
            return None
        add, node = node, maker
    weight = array_of(input_of(node, 1)) if node.op_type == "MatMul" and node.domain == "" else None
    if weight is None or weight.ndim != 2 or rank < 2:
        return None
    return _Layer(node, weight.shape[1], rank - 1, add)


def _is_row(array: Array | None, channels: int) -> bool:
    return array is not None and array.size == channels


def _per_channel(array: Array, layer: _Layer, rank: int) -> Array | None:
    """The constant as one number for each channel, in double precision; None where it differs along other axes."""
    if array.dtype != np.float32 or array.ndim > rank or array.size not in (1, layer.channels):
        return None
    if not np.isfinite(array).all():
        return None
    shape = (1,) * (rank - array.ndim) + array.shape
    if any(size != 1 for axis, size in enumerate(shape) if axis != layer.axis):
        return None
    return np.broadcast_to(array.reshape(-1).astype(np.float64), (layer.channels,))


def _add(node: ir.Node, layer: _Layer, row: Array) -> bool:
    into_layer(layer.node, np.ones(layer.channels), row)
    return bypass(node, layer.node.outputs[0])


def _multiply(node: ir.Node, layer: _Layer, row: Array) -> bool:
    weight = array_of(input_of(layer.node, 1))
    if weight is None or not _is_exact(weight, row) or (node.op_type == "Div" and not row.all()):
        return False
    if layer.node.op_type != "MatMul":
        into_layer(layer.node, row, np.zeros(layer.channels))
        return bypass(node, layer.node.outputs[0])
    graph = graph_of(node)
    scaled = (weight * row).astype(np.float32)
    layer.node.replace_input_with(1, constant(graph, f"{layer.node.name}_weight", scaled))
    if layer.add is None:
        return bypass(node, layer.node.outputs[0])
    place = next(index for index in (0, 1) if array_of(layer.add.inputs[index]) is not None)
    addend = array_of(layer.add.inputs[place])
    if addend is not None:
        made = (addend * row).astype(np.float32)
        layer.add.replace_input_with(place, constant(graph, f"{layer.add.name}_addend", made))
    return bypass(node, layer.add.outputs[0])


def _is_exact(weight: Array, row: Array) -> bool:
    """No weight becomes so small, or so large, that float32 cannot hold its digits."""
    sizes = np.abs(row[row != 0])
    own = np.abs(weight[weight != 0]).astype(np.float64)
    if not sizes.size or not own.size:
        return True
    return bool(own.min() * sizes.min() > LEAST and own.max() * sizes.max() < 1.0 / LEAST)
