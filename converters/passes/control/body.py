"""Copies the body of a branch, a loop or a function in front of a node, and computes there what is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.folding import fold_node, is_constant
from edgemm.converters.passes.rewrite import constant, graph_of
from edgemm.quantize import declared

MAX_NODES = 4096
"""One loop becomes at most so many nodes."""
MAX_ROUNDS = 1024
"""One loop is written out at most so often."""
MAX_GRAPH = 16384
"""A graph has at most so many nodes when its loops are written out, nested ones included."""


class Copies:
    """Bodies in front of one node, one after the other; all of them can be taken back."""

    def __init__(self, model: ir.Model, node: ir.Node) -> None:
        self.model = model
        self.node = node
        self.count = 0
        self._made: list[ir.Node] = []

    def constant(self, array: object, name: str) -> ir.Value:
        """A constant."""
        return constant(graph_of(self.node), f"{self.node.name}_{name}", np.asarray(array))

    def op(self, op_type: str, inputs: Sequence[ir.Value | None], **attributes: int) -> ir.Value:
        """A node of one output, whose shape is inferred later."""
        made = ir.node(op_type, inputs, attributes, name=f"{self.node.name}_{op_type}{len(self._made)}")
        made.outputs[0].name = f"{made.name}_out"
        graph_of(self.node).insert_before(self.node, made)
        self._made.append(made)
        return made.outputs[0]

    def body(self, graph: ir.Graph, feeds: Sequence[ir.Value]) -> list[ir.Value]:
        """The outputs of one more copy of the body, which reads `feeds`; what is constant in it is computed."""
        self.count += 1
        own_outputs(graph)
        copy = graph.clone(allow_outer_scope_values=True)
        for value in (output for node in copy for output in node.outputs):
            value.shape = None  # each round may have its own
        outputs, nodes = place(self.node, copy, feeds, f"round{self.count}")
        sink = ir.node("Sink", outputs, num_outputs=0)  # keeps track of what takes the place of the outputs
        graph_of(self.node).insert_before(self.node, sink)
        self._settle(nodes)
        settled = [value for value in sink.inputs if value is not None]
        graph_of(self.node).remove(sink, safe=True)
        return settled

    def _settle(self, nodes: list[ir.Node]) -> None:
        """Folds what was copied, in order."""
        from edgemm.converters.passes.control.branches import take_branch

        waiting = nodes[::-1]
        while waiting:
            node = waiting.pop()
            taken = take_branch(node) if node.op_type == "If" and node.domain == "" else None
            if taken is not None:
                waiting.extend(reversed(taken))
            elif is_constant(node):
                fold_node(self.model, node)
            else:
                self._made.append(node)

    def take_back(self) -> None:
        """Removes everything that was put in front of the node."""
        for node in reversed(self._made):
            graph_of(self.node).remove(node, safe=True)


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
