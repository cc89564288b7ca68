"""Pads: constant amounts and a constant value; cropping is a Slice."""

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
)
from edgemm.errors import UnsupportedOperator


def normalize_pads(model: ir.Model) -> int:
    """Pad has constant non-negative pads and, in constant mode, a value; a Pad by nothing goes.

    Precondition: opset 13..17, shapes are static. Negative pads become a Slice before the Pad.

    Returns:
        How many changed.

    Raises:
        UnsupportedOperator: pads or value are computed, or another mode than constant crops.
    """
    return sum(_normalize(node) for node in nodes_of(model, "Pad"))


def _normalize(node: ir.Node) -> bool:
    pads = _constant(node, 1).reshape(-1).astype(np.int64)
    mode = node.attributes.get_string("mode", "constant")
    changed = False
    if (pads < 0).any():
        if mode != "constant":
            raise UnsupportedOperator(
                f"node {node.name!r}: Pad with negative pads in mode {mode!r}. Crop with Slice first"
            )
        _crop(node, pads)
        pads = np.maximum(pads, 0)
        node.replace_input_with(1, constant(graph_of(node), f"{node.name}_pads", pads))
        changed = True
    if not pads.any() and bypass(node, data_of(node)):
        return True
    return (mode == "constant" and _give_value(node)) or changed


def _give_value(node: ir.Node) -> bool:
    if input_of(node, 2) is not None:
        _constant(node, 2)
        return False
    dtype = data_of(node).dtype or ir.DataType.FLOAT
    node.resize_inputs(3)
    zero = np.zeros((), dtype.numpy())
    node.replace_input_with(2, constant(graph_of(node), f"{node.name}_value", zero))
    return True


def _crop(node: ir.Node, pads: Array) -> None:
    """A Slice before the node takes what its negative pads would."""
    value = data_of(node)
    shape = np.array(shape_of(value), np.int64)
    begins, ends = np.split(np.maximum(-pads, 0), 2)
    graph = graph_of(node)
    bounds = [
        constant(graph, f"{node.name}_starts", begins),
        constant(graph, f"{node.name}_ends", shape - ends),
        constant(graph, f"{node.name}_axes", np.arange(len(shape), dtype=np.int64)),
    ]
    cropped = insert_before(
        node, "Slice", [value, *bounds], suffix="cropped", shape=(shape - begins - ends).tolist()
    )
    node.replace_input_with(0, cropped)


def _constant(node: ir.Node, index: int) -> Array:
    array = array_of(input_of(node, index))
    if array is None:
        what = "pads" if index == 1 else "value"
        raise UnsupportedOperator(f"node {node.name!r}: Pad with computed {what}. Export with fixed shapes")
    return array
