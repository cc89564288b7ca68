"""Which node of a graph its runtime fails at: the graph's first nodes alone, half of them and half again."""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir


def first_failing(model: ir.Model, runs: Callable[[ir.Model], bool]) -> ir.Node | None:
    """The first node, in order, with which the graph so far does not run; None where no part fails alone.

    Args:
        runs: whether a part of the graph, from its inputs on, runs.
    """
    nodes = list(model.graph)
    low, high = 0, len(nodes)
    if runs(_beginning(model, high)):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if runs(_beginning(model, middle)):
            low = middle
        else:
            high = middle
    return nodes[high - 1] if nodes else None


def told(node: ir.Node) -> str:
    """The node as messages name it; one without a name by what it makes."""
    made = next((value.name for value in node.outputs if value.name), "")
    return f"node {node.name or made!r} ({node.op_type})"


def _beginning(model: ir.Model, count: int) -> ir.Model:
    """The first `count` nodes alone; what others read is put out."""
    part = model.clone()
    nodes = list(part.graph)
    kept = {id(node) for node in nodes[:count]}
    ends = [
        value
        for node in nodes[:count]
        for value in node.outputs
        if value.is_graph_output() or any(id(each) not in kept for each in value.consumers())
    ]
    part.graph.outputs.clear()
    part.graph.outputs.extend(ends)
    for node in reversed(nodes[count:]):
        part.graph.remove(node, safe=True)
    return part
