"""Turns Flatten, Squeeze and the like into a Reshape to explicit sizes."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import (
    array_of,
    bypass,
    constant,
    data_of,
    graph_of,
    insert_before,
    nodes_of,
    shape_of,
    take_place,
)

RENAMING = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")


def normalize_reshapes(model: ir.Model) -> int:
    """Flatten, Squeeze, Unsqueeze and Reshape with 0 or -1 become Reshape with a constant shape.

    Precondition: shapes are static.

    Returns:
        How many changed.
    """
    return sum(_normalize(node) for node in nodes_of(model, *RENAMING))


def merge_reshapes(model: ir.Model) -> int:
    """A Reshape of a Reshape reads the first one's input; a Reshape to the shape that is there goes.

    Precondition: reshapes are in normal form.

    Returns:
        How many were merged or removed.
    """
    return sum(_merge(node) for node in nodes_of(model, "Reshape"))


def _normalize(node: ir.Node) -> bool:
    wanted = np.array(shape_of(node.outputs[0]), np.int64)
    if node.op_type == "Reshape":
        found = array_of(node.inputs[1])
        node.attributes.pop("allowzero", None)
        if found is not None and np.array_equal(found, wanted):
            return False
        node.replace_input_with(1, constant(graph_of(node), f"{node.name}_shape", wanted))
        return True
    sizes = constant(graph_of(node), f"{node.name}_shape", wanted)
    reshaped = insert_before(
        node, "Reshape", [data_of(node), sizes], suffix="reshaped", shape=wanted.tolist()
    )
    take_place(node, reshaped)
    return True


def _merge(node: ir.Node) -> bool:
    before = data_of(node).producer()
    merged = before is not None and before.op_type == "Reshape" and before.domain == ""
    if before is not None and merged:
        node.replace_input_with(0, data_of(before))
    if shape_of(data_of(node)) == shape_of(node.outputs[0]):
        return bypass(node, data_of(node)) or merged
    return merged
