"""Gives Clips constant limits; one without an upper limit becomes a Relu."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import (
    array_of,
    constant,
    data_of,
    graph_of,
    input_of,
    insert_before,
    nodes_of,
    shape_of,
    take_place,
)
from edgemm.errors import UnsupportedOperator


def normalize_clips(model: ir.Model) -> int:
    """Clip has two constant limits; without an upper one, and with 0 as the lower, it is a Relu.

    Precondition: opset 11 or newer, constants are initializers. A missing limit becomes an infinite one,
    and one of shape [1], which ONNX Runtime takes, a scalar.

    Returns:
        How many changed.

    Raises:
        UnsupportedOperator: a limit is computed.
    """
    return sum(_normalize(node) for node in nodes_of(model, "Clip"))


def _normalize(node: ir.Node) -> bool:
    value = data_of(node)
    if value.dtype != ir.DataType.FLOAT:
        return False
    low, high = _limit(node, 1, -np.inf), _limit(node, 2, np.inf)
    if low == 0.0 and high >= float(np.finfo(np.float32).max):
        take_place(node, insert_before(node, "Relu", [value], suffix="relu", shape=shape_of(value)))
        return True
    held = [array_of(input_of(node, index)) for index in (1, 2)]
    if all(array is not None and array.ndim == 0 for array in held):
        return False
    node.resize_inputs(3)
    for index, name, limit in ((1, "min", low), (2, "max", high)):
        node.replace_input_with(
            index, constant(graph_of(node), f"{node.name}_{name}", np.array(limit, np.float32))
        )
    return True


def _limit(node: ir.Node, index: int, default: float) -> float:
    value = input_of(node, index)
    if value is None:
        return default
    array = array_of(value)
    if array is None:
        raise UnsupportedOperator(
            f"node {node.name!r}: Clip with a computed limit has no integer form. Make the limit constant"
        )
    return float(array.reshape(()))
