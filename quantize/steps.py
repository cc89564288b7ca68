"""Cheap operators before float operators, as in normalizations: int8 would cost a rounding there, and save nothing.

The variance before a root is one: the values that matter most there are its smallest, which a grid in even steps keeps
worst.
"""

from __future__ import annotations

import onnx_ir as ir

from edgemm.quantize.fusion import stored_output


def leads_to(node: ir.Node) -> list[ir.Node]:
    """Who reads what a cheap step leaves: a mean, a difference, a square, a constant added or multiplied by.

    Where only float operators do, the step belongs with them.

    Returns:
        Its readers; none for a node that is no such step or leaves an output of the graph.
    """
    output = stored_output(node)
    if output.is_graph_output() or not _is_step(node):
        return []
    return list({str(each.name): each for each in output.consumers()}.values())


def _is_step(node: ir.Node) -> bool:
    if node.op_type in ("GlobalAveragePool", "ReduceMean", "Sub"):
        return True
    if node.op_type not in ("Add", "Mul"):
        return False
    first, second = node.inputs
    known = any(value is not None and value.const_value is not None for value in (first, second))
    return known or (node.op_type == "Mul" and first is second)
