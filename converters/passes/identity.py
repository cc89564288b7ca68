"""Nodes that change nothing."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.rewrite import array_of, bypass, data_of, input_of, nodes_of
from edgemm.errors import UnsupportedOperator


def remove_identities(model: ir.Model) -> int:
    """Identity, Dropout in inference, and Cast to the type that is there are bypassed.

    Precondition: types are known.

    Returns:
        How many were removed.

    Raises:
        UnsupportedOperator: a Dropout in training mode, or an output that is a bare copy of an input.
    """
    return sum(_remove(node) for node in nodes_of(model, "Identity", "Dropout", "Cast") if _is_idle(node))


def _is_idle(node: ir.Node) -> bool:
    if node.op_type == "Cast":
        return node.attributes["to"].as_int() == data_of(node).dtype
    if node.op_type == "Dropout":
        _require_inference(node)
    return True


def _remove(node: ir.Node) -> bool:
    if not bypass(node, data_of(node)):
        raise UnsupportedOperator(
            f"output {node.outputs[0].name!r} is only a copy of {data_of(node).name!r}: "
            "take it out of the model's outputs"
        )
    return True


def _require_inference(node: ir.Node) -> None:
    training = input_of(node, 2)
    on = training is not None and (array_of(training) is None or bool(array_of(training)))
    if on or (len(node.outputs) > 1 and (node.outputs[1].uses() or node.outputs[1].is_graph_output())):
        raise UnsupportedOperator(
            f"node {node.name!r}: Dropout in training mode, or its mask is used. Export the model for inference"
        )
