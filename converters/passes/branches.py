"""Replaces an If whose condition is constant by the branch that is taken."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.rewrite import array_of, data_of, graph_of, nodes_of
from edgemm.errors import UnsupportedOperator


def take_branches(model: ir.Model) -> int:
    """The nodes of the branch stand where the If stood.

    Precondition: constants are initializers. Names may be used twice afterwards.

    Returns:
        How many Ifs went.
    """
    return sum(_take(node) for node in nodes_of(model, "If"))


def refuse_branches(model: ir.Model) -> int:
    """Refuses control flow that is left when everything known is folded.

    Returns:
        0: nothing is changed.

    Raises:
        UnsupportedOperator: an If whose condition depends on the inputs, or a loop.
    """
    for node in model.graph:
        if any(_is_graph(attribute) for attribute in node.attributes.values()):
            raise UnsupportedOperator(
                f"node {node.name!r}: control flow ({node.op_type}) that depends on the inputs cannot be expressed. "
                "Export a fixed path, or fix the input that decides with --set NAME=VALUE"
            )
    return 0


def _is_graph(attribute: ir.Attr) -> bool:
    return attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)


def _take(node: ir.Node) -> bool:
    condition = array_of(data_of(node))
    if condition is None:
        return False
    taken = bool(condition.reshape(()))
    branch = node.attributes["then_branch" if taken else "else_branch"].as_graph()
    graph, outputs = graph_of(node), list(branch.outputs)
    for value in tuple(branch.initializers.values()):
        del branch.initializers[str(value.name)]
        value.name = f"{node.name}_{value.name}"
        graph.register_initializer(value)
    nodes = list(branch)
    branch.outputs.clear()
    for each in nodes:
        branch.remove(each)
    for each in nodes:
        each.name = f"{node.name}_{each.name}"
        for value in each.outputs:
            value.name = f"{node.name}_{value.name}"
    graph.insert_before(node, nodes)
    for old, value in zip(tuple(node.outputs), outputs, strict=True):
        name = old.name
        if old.is_graph_output():
            value = _own(node, value)
        old.replace_all_uses_with(value, replace_graph_outputs=True)
        if value.producer() is not None and value.is_graph_output():
            old.name, value.name = f"{name}_gone", name
    graph.remove(node, safe=True)
    return True


def _own(node: ir.Node, value: ir.Value) -> ir.Value:
    """A graph's output has a writer of its own."""
    made = ir.node("Identity", [value], name=f"{node.name}_copy")
    made.outputs[0].shape, made.outputs[0].type = value.shape, value.type
    graph_of(node).insert_before(node, made)
    return made.outputs[0]
