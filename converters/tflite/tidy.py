"""Final clean-up of a TFLite graph: removes operators that cancel each other, and unused tensors."""

from __future__ import annotations

from edgemm.converters.tflite.graph import Graph, Operator, Tensor


def tidy(graph: Graph) -> int:
    """Removes reshapes that undo each other, and operators without a reader.

    Returns:
        How many operators were removed.
    """
    before = len(graph.operators)
    _join_reshapes(graph)
    _remove_unread(graph)
    return before - len(graph.operators)


def _join_reshapes(graph: Graph) -> None:
    """RESHAPE of a RESHAPE reads the first one's input; one that changes nothing is passed by."""
    writer: dict[int, Operator] = {}
    same: dict[int, Tensor] = {}
    kept_outputs = {id(tensor) for tensor in graph.outputs}
    for operator in graph.operators:
        operator.inputs = [None if t is None else same.get(id(t), t) for t in operator.inputs]
        writer.update({id(tensor): operator for tensor in operator.outputs})
        if operator.code != "RESHAPE":
            continue
        source = operator.inputs[0]
        first = writer.get(id(source))
        if first is not None and first.code == "RESHAPE":
            source = operator.inputs[0] = first.inputs[0]
        result = operator.outputs[0]
        if source is not None and source.shape == result.shape and id(result) not in kept_outputs:
            same[id(result)] = source


def _remove_unread(graph: Graph) -> None:
    """Keeps what leads to an output."""
    needed = {id(tensor) for tensor in graph.outputs}
    kept = []
    for operator in reversed(graph.operators):
        if needed & {id(tensor) for tensor in operator.outputs}:
            kept.append(operator)
            needed |= {id(tensor) for tensor in operator.inputs if tensor is not None}
    graph.operators[:] = reversed(kept)
