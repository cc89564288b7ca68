"""Nodes that change nothing."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import array_of, bypass, data_of, input_of, nodes_of, shape_of
from edgemm.errors import UnsupportedOperator


def remove_identities(model: ir.Model) -> int:
    """Identity, Dropout in inference, and Cast to the type that is there are bypassed; where one writes an
    output that is a bare copy, it becomes a Reshape to the shape that is there.

    Precondition: types are known.

    Returns:
        How many were removed.

    Raises:
        UnsupportedOperator: a Dropout in training mode.
    """
    return sum(_remove(node) for node in nodes_of(model, "Identity", "Dropout", "Cast") if _is_idle(node))


def _is_idle(node: ir.Node) -> bool:
    if node.op_type == "Cast":
        return node.attributes["to"].as_int() == data_of(node).dtype
    if node.op_type == "Dropout":
        _require_inference(node)
    return True


def _remove(node: ir.Node) -> bool:
    draft = Draft(node)
    if draft.used(1):
        everything = draft.constant(np.ones(shape_of(data_of(node)), np.bool_))
        draft.replace(1, draft.copy(everything))
    return bypass(node, data_of(node)) or draft.becomes(draft.copy(data_of(node)))


def _require_inference(node: ir.Node) -> None:
    training = input_of(node, 2)
    if training is not None and (array_of(training) is None or bool(array_of(training))):
        raise UnsupportedOperator(
            f"node {node.name!r}: Dropout in training mode. Export the model for inference"
        )
