"""Folds BatchNormalization into the layer before it, or turns it into a multiplication and an addition."""

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
    input_of,
    insert_before,
    nodes_of,
    shape_of,
    sole_consumer,
    take_place,
)
from edgemm.errors import UnsupportedOperator


def fold_batch_norms(model: ir.Model) -> int:
    """Folds into the Conv, ConvTranspose or Gemm before it when nothing else reads that; otherwise Mul and Add.

    Precondition: Conv and Gemm are in normal form. Ioffe and Szegedy 2015, in inference:
    y = (x - mean) * scale / sqrt(variance + epsilon) + bias.

    Returns:
        How many BatchNormalizations went.

    Raises:
        UnsupportedOperator: training mode, or statistics that are computed.
    """
    return sum(_fold(node) for node in nodes_of(model, "BatchNormalization"))


def _fold(node: ir.Node) -> bool:
    factor, offset = _line(node)
    layer = data_of(node).producer()
    if layer is not None and _can_take(layer, node):
        into_layer(layer, factor, offset)
        bypass(node, layer.outputs[0])
        return True
    _as_mul_add(node, factor, offset)
    return True


def _line(node: ir.Node) -> tuple[Array, Array]:
    """Per channel, in double precision: y = x * factor + offset."""
    arrays = [array_of(input_of(node, index)) for index in range(1, 5)]
    constants = [array.astype(np.float64) for array in arrays if array is not None]
    training = node.attributes.get_int("training_mode", 0)
    if training or len(constants) != 4 or any(output.uses() for output in node.outputs[1:]):
        raise UnsupportedOperator(
            f"node {node.name!r}: BatchNormalization in training mode, or with computed statistics. "
            "Export the model for inference (module.eval())"
        )
    scale, bias, mean, variance = constants
    factor = scale / np.sqrt(variance + node.attributes.get_float("epsilon", 1e-5))
    return factor, bias - mean * factor


def _can_take(layer: ir.Node, node: ir.Node) -> bool:
    return (
        layer.domain == ""
        and layer.op_type in ("Conv", "ConvTranspose", "Gemm")
        and sole_consumer(layer.outputs[0]) is node
        and array_of(input_of(layer, 1)) is not None
        and (input_of(layer, 2) is None or array_of(input_of(layer, 2)) is not None)
    )


def into_layer(layer: ir.Node, factor: Array, offset: Array) -> None:
    """Weights and bias of a Conv, ConvTranspose or Gemm in normal form make factor * y + offset of y, by channel."""
    graph = graph_of(layer)
    weight, bias = array_of(input_of(layer, 1)), array_of(input_of(layer, 2))
    if weight is None:
        return
    scaled = _scaled(layer, weight, factor)
    shifted = offset if bias is None else bias * factor + offset
    layer.resize_inputs(3)
    layer.replace_input_with(1, constant(graph, f"{layer.name}_weight", scaled.astype(weight.dtype)))
    layer.replace_input_with(2, constant(graph, f"{layer.name}_bias", shifted.astype(weight.dtype)))


def _scaled(layer: ir.Node, weight: Array, factor: Array) -> Array:
    """Each output's weights times its factor. They stand first, but in a ConvTranspose: [in, out / groups, *kernel]."""
    if layer.op_type != "ConvTranspose":
        return np.asarray(weight * factor.reshape(-1, *(1,) * (weight.ndim - 1)))
    group = layer.attributes.get_int("group", 1)
    parts = weight.reshape(
        group, -1, *weight.shape[1:]
    )  # the inputs of a group make the outputs of that group
    factors = factor.reshape(group, 1, -1, *(1,) * (weight.ndim - 2))
    return np.asarray((parts * factors).reshape(weight.shape))


def _as_mul_add(node: ir.Node, factor: Array, offset: Array) -> None:
    shape = shape_of(data_of(node))
    along = (1, -1, *(1,) * (len(shape) - 2))
    graph = graph_of(node)
    scale = constant(graph, f"{node.name}_scale", factor.astype(np.float32).reshape(along))
    shift = constant(graph, f"{node.name}_offset", offset.astype(np.float32).reshape(along))
    scaled = insert_before(node, "Mul", [data_of(node), scale], suffix="scaled", shape=shape)
    shifted = insert_before(node, "Add", [scaled, shift], suffix="shifted", shape=shape)
    take_place(node, shifted)
