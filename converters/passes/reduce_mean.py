"""Turns a mean over height and width into a global average pool."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.axes import reduction_axes
from edgemm.converters.passes.rewrite import (
    constant,
    data_of,
    graph_of,
    insert_before,
    nodes_of,
    shape_of,
    take_place,
)


def means_to_global_pools(model: ir.Model) -> int:
    """ReduceMean over all spatial axes of [N, C, H, W] becomes GlobalAveragePool, and a Reshape without keepdims.

    Precondition: shapes are static. torch exports AdaptiveAvgPool2d(1) as such a mean.

    Returns:
        How many changed.
    """
    return sum(_convert(node) for node in nodes_of(model, "ReduceMean"))


def _convert(node: ir.Node) -> bool:
    value = data_of(node)
    shape = shape_of(value)
    if len(shape) != 4 or reduction_axes(node) != (2, 3):
        return False
    pooled = insert_before(node, "GlobalAveragePool", [value], suffix="pooled", shape=(*shape[:2], 1, 1))
    if node.attributes.get_int("keepdims", 1):
        take_place(node, pooled)
        return True
    sizes = constant(graph_of(node), f"{node.name}_shape", np.array(shape[:2], np.int64))
    take_place(node, insert_before(node, "Reshape", [pooled, sizes], suffix="reshaped", shape=shape[:2]))
    return True
