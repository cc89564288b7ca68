"""Copies the body of a loop in front of it, round after round, and computes there what is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.control.branches import take_branch
from edgemm.converters.passes.control.placing import own_outputs, place
from edgemm.converters.passes.folding import fold_node, is_constant
from edgemm.converters.passes.rewrite import constant, discard, graph_of

MAX_NODES = 4096
"""One loop becomes at most so many nodes."""
MAX_ROUNDS = 1024
"""One loop is written out at most so often."""
MAX_GRAPH = 16384
"""A graph has at most so many nodes when its loops are written out, nested ones included."""
Resolve = Callable[[ir.Node], bool]
"""Puts other nodes in the place of one that was just copied; True when it is gone."""


class Copies:
    """Bodies in front of one node, one after the other; all of them can be taken back."""

    def __init__(self, model: ir.Model, node: ir.Node, resolve: Resolve = lambda each: False) -> None:
        """
        Args:
            resolve: control flow and sequences in the bodies, of which an If is taken anyway.
        """
        self.model = model
        self.node = node
        self.count = 0
        self._resolve = resolve
        self._made = 0
        self._nodes = frozenset(graph_of(node))
        self._constants = frozenset(graph_of(node).initializers)

    def constant(self, array: object, name: str) -> ir.Value:
        """A constant."""
        self._made += 1  # a name that is new is found at once
        return constant(graph_of(self.node), f"{self.node.name}_{name}{self._made}", np.asarray(array))

    def op(self, op_type: str, inputs: Sequence[ir.Value | None], **attributes: int) -> ir.Value:
        """A node of one output, whose shape is inferred later."""
        made = ir.node(op_type, inputs, attributes, name=f"{self.node.name}_{op_type}{self._made}")
        made.outputs[0].name = f"{made.name}_out"
        graph_of(self.node).insert_before(self.node, made)
        self._made += 1
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
        """Folds and resolves what was copied, in order."""
        waiting = nodes[::-1]
        while waiting:
            node = waiting.pop()
            taken = take_branch(node) if node.op_type == "If" and node.domain == "" else None
            if taken is not None:
                waiting.extend(reversed(taken))
            elif is_constant(node):
                fold_node(self.model, node)
            else:
                self._resolve(node)

    @property
    def operators(self) -> int:
        """How many nodes stand in front of the node by now that did not before."""
        return len(graph_of(self.node)) - len(self._nodes)

    def take_back(self) -> None:
        """Removes everything that was put in front of the node, constants too."""
        graph = graph_of(self.node)
        for node in reversed(tuple(graph)):
            if node not in self._nodes:
                discard(node)
        for name in graph.initializers.keys() - self._constants:
            del graph.initializers[name]


def stack(copies: Copies, rows: list[ir.Value], axis: int) -> ir.Value:
    """The values of all rounds along a new axis."""
    axes = copies.constant(np.array([axis], np.int64), "axes")
    columns = [copies.op("Unsqueeze", [row, axes]) for row in rows]
    return columns[0] if len(columns) == 1 else copies.op("Concat", columns, axis=axis)
