"""How many pieces of a graph XNNPACK gets."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import onnx_ir as ir


def count_partitions(graph: ir.Graph, delegated: Mapping[str, bool]) -> int:
    """As TFLite cuts a graph: all nodes that can run go into the piece under way while they are of its kind, then the
    other kind has its turn.

    Args:
        delegated: name of every node -> XNNPACK runs it.
    """
    missing = {str(node.name): len(_before(node)) for node in graph}
    ready: dict[bool, deque[ir.Node]] = {True: deque(), False: deque()}
    for node in graph:
        if not missing[str(node.name)]:
            ready[delegated[str(node.name)]].append(node)
    pieces, turn = 0, True
    while ready[True] or ready[False]:
        pieces += turn and bool(ready[True])
        while ready[turn]:
            for reader in _after(ready[turn].popleft()):
                name = str(reader.name)
                missing[name] -= 1
                if not missing[name]:
                    ready[delegated[name]].append(reader)
        turn = not turn
    return pieces


def _before(node: ir.Node) -> set[str]:
    """Names of the nodes that it waits for."""
    makers = [value.producer() for value in node.inputs if value is not None]
    return {str(maker.name) for maker in makers if maker is not None}


def _after(node: ir.Node) -> list[ir.Node]:
    """The nodes that wait for it, each once."""
    return list({str(each.name): each for value in node.outputs for each in value.consumers()}.values())
