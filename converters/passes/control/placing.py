"""Puts the nodes of a body in front of a node, and values in the place of its outputs."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from edgemm.converters.passes.control.written_out import belongs
from edgemm.converters.passes.rewrite import graph_of
from edgemm.quantize import declared

ROUNDS = ("Loop", "Scan")
"""Operators whose bodies are written more than once."""


def own_outputs(graph: ir.Graph) -> None:
    """A body that gives back a value from outside, as it is, copies it: clones know nothing of what is outside."""
    inside = {*graph.inputs, *graph.initializers.values()}
    for index, value in enumerate(graph.outputs):
        producer = value.producer()
        if value not in inside and (producer is None or producer.graph is not graph):
            made = ir.node("Identity", [value], name=f"own{index}")
            made.outputs[0].name, made.outputs[0].type = f"{value.name}_own{index}", value.type
            graph.append(made)
            graph.outputs[index] = made.outputs[0]
    for node in graph:
        for attribute in node.attributes.values():
            if attribute.type == ir.AttributeType.GRAPH:
                own_outputs(attribute.as_graph())


def place(
    node: ir.Node, body: ir.Graph, feeds: Sequence[ir.Value], tag: str
) -> tuple[list[ir.Value], list[ir.Node]]:
    """Moves the nodes of a body that nobody else needs in front of `node`; its inputs are `feeds`.

    Returns:
        What stands for the outputs of the body, and its nodes.
    """
    graph, fed = graph_of(node), dict(zip(body.inputs, feeds, strict=True))
    outputs = [fed.get(value, value) for value in body.outputs]
    body.outputs.clear()
    for value, feed in fed.items():
        value.replace_all_uses_with(feed)
    for value in tuple(body.initializers.values()):
        del body.initializers[str(value.name)]
        value.name = f"{node.name}_{tag}_{value.name}"
        graph.register_initializer(value)
    nodes = list(body)
    for each in nodes:
        body.remove(each)
        belongs(each, node, round_of=node.op_type in ROUNDS)
        each.name = f"{node.name}_{tag}_{each.name}"
        for value in each.outputs:
            value.name = f"{node.name}_{tag}_{value.name}" if value.name else None
    graph.insert_before(node, nodes)
    return outputs, nodes


def stands_for(node: ir.Node, index: int, value: ir.Value) -> None:
    """`value` is read instead of an output of the node; one of the graph's outputs keeps its name, and is
    written by a node of its own."""
    old = node.outputs[index]
    name = old.name
    if old.is_graph_output():
        made = ir.node("Identity", [value], name=f"{node.name}_copy{index}")
        made.outputs[0].shape, made.outputs[0].type = value.shape or old.shape, value.type or old.type
        graph_of(node).insert_before(node, made)
        value = made.outputs[0]
    old.replace_all_uses_with(value, replace_graph_outputs=True)
    declared.move(old, value)
    if value.is_graph_output():
        old.name, value.name = f"{name}_gone", name
