"""Removes nodes and constants whose results are not used."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from edgemm.converters.passes.rewrite import release


def remove_dead_code(model: ir.Model) -> int:
    """Removes nodes and initializers that no output depends on; inputs stay, used or not.

    Returns:
        How many nodes and initializers went.
    """
    before = len(model.graph) + len(model.graph.initializers)
    bodies = [node for node in model.graph if _has_body(node)]
    while True:
        RemoveUnusedNodesPass()(model)
        gone = [node for node in bodies if node.graph is None]
        if not gone:
            break
        bodies = [node for node in bodies if node.graph is not None]
        for node in gone:
            release(node)
    return before - len(model.graph) - len(model.graph.initializers)


def _has_body(node: ir.Node) -> bool:
    return any(attribute.type == ir.AttributeType.GRAPH for attribute in node.attributes.values())


def sort_nodes(model: ir.Model) -> int:
    """Every node after those that it reads from.

    Returns:
        1 when the order changed.
    """
    before = list(model.graph)
    model.graph.sort()
    return int(any(a is not b for a, b in zip(before, model.graph, strict=True)))
