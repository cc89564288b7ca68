"""Replaces an If whose condition is constant by the branch that is taken."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.control.placing import place, stands_for
from edgemm.converters.passes.rewrite import array_of, data_of, discard, nodes_of


def take_branches(model: ir.Model) -> int:
    """The nodes of the branch stand where the If stood.

    Precondition: constants are initializers. Names may be used twice afterwards.

    Returns:
        How many Ifs went.
    """
    return sum(take_branch(node) is not None for node in nodes_of(model, "If"))


def take_branch(node: ir.Node) -> list[ir.Node] | None:
    """The nodes that stand for one If, in order; None, and nothing is changed, where its condition is not known."""
    condition = array_of(data_of(node))
    if condition is None:
        return None
    taken = bool(condition.reshape(()))
    branch = node.attributes["then_branch" if taken else "else_branch"].as_graph()
    outputs, nodes = place(node, branch, [], "then" if taken else "else")
    for index, value in enumerate(outputs):
        stands_for(node, index, value)
    discard(node)
    return nodes
