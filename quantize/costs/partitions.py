"""How many pieces of a graph XNNPACK gets."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir


def count_partitions(graph: ir.Graph, delegated: Mapping[str, bool]) -> int:
    """As TFLite cuts a graph: all nodes that can run go into the piece under way while they are of its kind, then the
    other kind has its turn.

    Args:
        delegated: node name -> XNNPACK runs it. Nodes that are not in it are in no piece.
    """
    waiting = [node for node in graph if str(node.name) in delegated]
    left = {str(node.name) for node in waiting}
    pieces, turn = 0, True
    stuck = 0
    while waiting and stuck < 2:
        taken, rest = 0, []
        for node in waiting:
            before = {
                str(made.name)
                for value in node.inputs
                if value is not None and (made := value.producer()) is not None
            }
            if delegated[str(node.name)] is turn and not before & left:
                left.discard(str(node.name))
                taken += 1
            else:
                rest.append(node)
        pieces += bool(taken) and turn
        stuck = 0 if taken else stuck + 1
        waiting, turn = rest, not turn
    return pieces
