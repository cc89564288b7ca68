"""Removes nodes that change nothing."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import bypass, data_of, nodes_of, shape_of


def remove_identities(model: ir.Model) -> int:
    """Identity, Dropout in inference, and Cast to the type that is there are bypassed; where one writes an
    output that is a bare copy, it becomes a Reshape to the shape that is there.

    Precondition: types are known, no Dropout is in training mode.

    Returns:
        How many were removed.
    """
    return sum(_remove(node) for node in nodes_of(model, "Identity", "Dropout", "Cast") if _is_idle(node))


def _is_idle(node: ir.Node) -> bool:
    if node.op_type == "Cast":
        return node.attributes["to"].as_int() == data_of(node).dtype
    return True


def _remove(node: ir.Node) -> bool:
    draft = Draft(node)
    if draft.used(1):
        everything = draft.constant(np.ones(shape_of(data_of(node)), np.bool_))
        draft.replace(1, draft.copy(everything))
    return bypass(node, data_of(node)) or draft.becomes(draft.copy(data_of(node)))
