"""Operators that move numbers between float operators: integers would cost a rounding there, and save nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import onnx_ir as ir

from edgemm.quantize.legality import is_real


def islands(nodes: Sequence[ir.Node]) -> list[list[ir.Node]]:
    """The nodes in sets that hang together through values."""
    left = {str(node.name): node for node in nodes}
    found = []
    while left:
        queue, island = [left.pop(next(iter(left)))], []
        while queue:
            node = queue.pop()
            island.append(node)
            queue += [left.pop(str(each.name)) for each in neighbours([node]) if str(each.name) in left]
        found.append(island)
    return found


def neighbours(nodes: Iterable[ir.Node]) -> list[ir.Node]:
    """Nodes that make the real numbers that these read, or read what these make; each once."""
    around: dict[str, ir.Node] = {}
    for node in nodes:
        before = [value.producer() for value in node.inputs if value is not None and is_real(value)]
        after = [each for value in node.outputs for each in value.consumers()]
        around.update({str(each.name): each for each in (*before, *after) if each is not None})
    return list(around.values())
