"""Refuses the control flow and the sequences that are left when everything known is resolved."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.control.body import MAX_NODES, MAX_ROUNDS
from edgemm.converters.passes.control.loops import left_because
from edgemm.converters.passes.control.scans import steps_of
from edgemm.converters.passes.folding import OF_LISTS
from edgemm.converters.passes.rewrite import array_of, input_of
from edgemm.errors import UnsupportedOperator

GRAPHS = (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
MADE = frozenset({"Optional", "SequenceConstruct", "SequenceEmpty"})
"""What can always be resolved: left only because of what reads it."""
RETURN = "Return its tensors one by one, as a tuple, or as one tensor (torch.stack, torch.cat)"


def refuse_control(model: ir.Model) -> int:
    """Refuses what a file of fixed operators and shapes cannot do.

    Returns:
        0: nothing is changed.

    Raises:
        UnsupportedOperator: an If, a loop, or a sequence that depends on the inputs.
    """
    for kind, values in (("input", model.graph.inputs), ("output", model.graph.outputs)):
        for value in values:
            if isinstance(value.type, ir.SequenceType | ir.OptionalType):
                listed = isinstance(value.type, ir.SequenceType)
                apart = "Make each of its tensors an input of its own" if listed else "Make it a tensor"
                raise UnsupportedOperator(
                    f"{kind} {value.name!r} is {'a sequence of tensors' if listed else 'optional'}, which no file for "
                    f"a device has. {RETURN if kind == 'output' and listed else apart}"
                )
    standard = [node for node in model.graph if node.domain == ""]
    for node in standard:  # in order: what is left first is why others are
        if any(attribute.type in GRAPHS for attribute in node.attributes.values()):
            _refuse(node, *_about_flow(node))
        if node.op_type in OF_LISTS - MADE:
            _refuse(node, *_about_list(node))
    for node in standard:
        if node.op_type in MADE:
            _refuse(node, *_about_list(node))
    return 0


def _refuse(node: ir.Node, reason: str, remedy: str) -> None:
    raise UnsupportedOperator(f"node {node.name!r} ({node.op_type}): {reason}. {remedy}")


def _about_flow(node: ir.Node) -> tuple[str, str]:
    """Why it is left, and what to do."""
    fixed = "Fix the input that decides with --set NAME=VALUE"
    if node.op_type == "If":
        return (
            "its condition depends on the inputs, so this control flow cannot be expressed",
            f"{fixed}, or compute both and choose with torch.where (Where)",
        )
    why = left_because(node) if node.op_type == "Loop" else None
    if why == "rounds":
        return (
            "the number of rounds depends on the inputs, so this control flow cannot be expressed",
            f"{fixed}, or export with a number that is the same for all inputs",
        )
    if why == "condition":
        return (
            "its condition depends on the inputs, so this control flow cannot be expressed",
            f"{fixed}, or run a fixed number of rounds and choose with torch.where (Where)",
        )
    if why == "shape":
        return "it makes no rounds, and the shape of what it gives is open", "Export the model without it"
    if node.op_type == "Scan" and steps_of(node) is None:
        return "its inputs have no known length", "Give the sizes of the inputs with --shape"
    if node.op_type == "SequenceMap":
        return (
            "the sequence that it goes over depends on the inputs",
            "Use one tensor of all elements (torch.stack, torch.cat), or a tuple of constant length",
        )
    return (
        f"written out, it has more than {MAX_ROUNDS} rounds or {MAX_NODES} nodes",
        "Convert for fewer steps (--shape), or use LSTM, GRU or RNN, which stay loops",
    )


def _about_list(node: ir.Node) -> tuple[str, str]:
    if node.op_type == "SplitToSequence":
        given = input_of(node, 1)
        if given is not None and array_of(given) is None:
            return "the sizes of the parts depend on the inputs", "Split into parts of constant sizes"
        return "the tensor that it splits has no fixed size", "Give the sizes of the inputs with --shape"
    if node.op_type in ("SequenceAt", "SequenceInsert", "SequenceErase"):
        return (
            "which element of a sequence is meant depends on the inputs, or the sequence does",
            "Use constant numbers, or one tensor of all elements (torch.stack) and torch.index_select",
        )
    return (
        "a sequence whose elements depend on the inputs",
        "Use one tensor of all elements (torch.stack, torch.cat), or a tuple of constant length",
    )
