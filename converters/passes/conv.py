"""Convolutions: makes every attribute explicit, and weight and bias constant."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import (
    array_of,
    constant,
    data_of,
    drop,
    graph_of,
    input_of,
    nodes_of,
    set_ints,
    shape_of,
)
from edgemm.converters.passes.window import pads_of, windows_of
from edgemm.errors import UnsupportedOperator


def normalize_convs(model: ir.Model) -> int:
    """Conv gets kernel_shape, strides, dilations, group and pads, loses auto_pad, and has a bias.

    Precondition: shapes are static, constants are initializers.

    Returns:
        How many changed.

    Raises:
        UnsupportedOperator: weight or bias is computed.
    """
    return sum(_normalize(node) for node in nodes_of(model, "Conv"))


def _normalize(node: ir.Node) -> bool:
    weight = array_of(input_of(node, 1))
    if weight is None:
        raise UnsupportedOperator(
            f"node {node.name!r}: Conv with a computed weight has no integer form. Make the weight constant"
        )
    sizes = shape_of(data_of(node))[2:]
    windows = windows_of(node, sizes, weight.shape[2:])
    changed = set_ints(
        node,
        kernel_shape=weight.shape[2:],
        strides=[window.stride for window in windows],
        dilations=[window.dilation for window in windows],
        pads=pads_of(windows),
    )
    changed |= drop(node, "auto_pad")
    if "group" not in node.attributes:
        node.attributes.add(ir.AttrInt64("group", 1))
        changed = True
    return _give_bias(node, weight) or changed


def _give_bias(node: ir.Node, weight: np.ndarray) -> bool:
    bias = input_of(node, 2)
    if bias is not None and bias.const_value is None:
        raise UnsupportedOperator(
            f"node {node.name!r}: Conv with a computed bias has no integer form. Add it after the Conv"
        )
    if bias is not None:
        return False
    node.resize_inputs(3)
    zeros = np.zeros(weight.shape[0], weight.dtype)
    node.replace_input_with(2, constant(graph_of(node), f"{node.name}_bias", zeros))
    return True
