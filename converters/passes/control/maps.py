"""SequenceMap is written out: its body once for each element of its sequences."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.control.body import MAX_ROUNDS, Copies
from edgemm.converters.passes.control.placing import stands_for
from edgemm.converters.passes.rewrite import data_of, discard, nodes_of


def unroll_maps(model: ir.Model) -> int:
    """Writes out every SequenceMap over sequences whose elements are known.

    Precondition: sequences come from SequenceConstruct. Names may be used twice afterwards, and shapes are open.

    Returns:
        How many went.
    """
    return sum(_unroll(model, node) for node in nodes_of(model, "SequenceMap"))


def _unroll(model: ir.Model, node: ir.Node) -> bool:
    first = data_of(node).producer()
    if first is None or first.op_type != "SequenceConstruct" or len(first.inputs) > MAX_ROUNDS:
        return False
    rows = []
    for index in range(len(first.inputs)):
        element = [_element(value, index) for value in node.inputs if value is not None]
        if None in element:
            return False
        rows.append([value for value in element if value is not None])
    copies, body = Copies(model, node), node.attributes["body"].as_graph()
    told = [copies.body(body, row) for row in rows]
    for index, values in enumerate(zip(*told, strict=True)):
        stands_for(node, index, copies.op("SequenceConstruct", list(values)))
    discard(node)
    return True


def _element(value: ir.Value, index: int) -> ir.Value | None:
    """That element of a sequence, a tensor as it is; None where the sequence is not known."""
    if isinstance(value.type, ir.TensorType):
        return value
    made = value.producer()
    if made is None or made.op_type != "SequenceConstruct" or index >= len(made.inputs):
        return None
    return made.inputs[index]
