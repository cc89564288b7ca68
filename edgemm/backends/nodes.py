"""Which operators of a LiteRT graph a delegate or XNNPACK took, read from the interpreter's list of nodes.

The interpreter appends a DELEGATE node for each piece that a delegate takes, and goes on listing the
operators inside. A piece is found again by walking from the DELEGATE node's outputs back to its inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from edgemm.backends.backend import Coverage
from edgemm.frozen import dataclass
from edgemm.log import LOG

_DELEGATE = "DELEGATE"


@dataclass(frozen=True, slots=True)
class Node:
    """One entry of the interpreter's list."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def list_nodes(interpreter: Any) -> tuple[Node, ...]:
    """The nodes; empty when this runtime does not tell (the call is not part of its public API)."""
    try:
        native = interpreter._interpreter  # `_get_ops_details` asks for the type of every tensor as well
        return tuple(
            Node(native.NodeName(at), _ids(native.NodeInputs(at)), _ids(native.NodeOutputs(at)))
            for at in range(native.NumNodes())
        )
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as e:
        LOG.debug("this runtime does not list its nodes: %s", e)
        return ()


def _ids(tensors: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(each) for each in tensors if each >= 0)


def accelerated(before: tuple[Node, ...], delegate: str) -> Coverage:
    """What the accelerator of that name took.

    Args:
        before: the nodes once accelerators are applied, and before `allocate_tensors` hands the rest to XNNPACK.
    """
    return _coverage(before, 0, delegate)


def by_xnnpack(before: tuple[Node, ...], after: tuple[Node, ...]) -> Coverage:
    """What XNNPACK took of what accelerators had left; `remaining` is left to the plain kernels.

    Args:
        before: as in `accelerated`.
        after: the nodes once tensors are allocated.
    """
    return _coverage(after, sum(node.name == _DELEGATE for node in before), "xnnpack")


def _coverage(nodes: tuple[Node, ...], earlier: int, delegate: str) -> Coverage:
    """What the pieces took but for the first `earlier` of them; untold where a piece replaces no operator."""
    operators = [node for node in nodes if node.name != _DELEGATE]
    pieces = [node for node in nodes if node.name == _DELEGATE]
    taken, others = _inside(operators, pieces[earlier:]), _inside(operators, pieces[:earlier])
    if len(pieces) > earlier and not taken:
        return Coverage()
    remaining = Counter(node.name for at, node in enumerate(operators) if at not in taken | others)
    return Coverage(len(taken), len(operators), len(pieces) - earlier, dict(remaining), delegate)


def _inside(operators: Sequence[Node], pieces: Sequence[Node]) -> set[int]:
    """Indices of the operators that the pieces replace."""
    producer = {tensor: index for index, node in enumerate(operators) for tensor in node.outputs}
    taken: set[int] = set()
    for piece in pieces:
        ends, waiting = set(piece.inputs), list(piece.outputs)
        while waiting:
            tensor = waiting.pop()
            index = producer.get(tensor)
            if tensor in ends or index is None or index in taken:
                continue
            taken.add(index)
            waiting.extend(operators[index].inputs)
    return taken
