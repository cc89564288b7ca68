"""RNN, LSTM and GRU with the batch first get time first, which runtimes have alone."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import graph_of, input_of, nodes_of, shape_of

RECURRENT = ("GRU", "LSTM", "RNN")


def put_time_first(model: ir.Model) -> int:
    """layout 1 -> layout 0 between Transposes: ONNX Runtime refuses layout 1.

    Precondition: shapes are static.

    Returns:
        How many nodes changed.
    """
    return sum(_turn(node) for node in nodes_of(model, *RECURRENT) if node.attributes.get_int("layout", 0))


def _turn(node: ir.Node) -> bool:
    draft = Draft(node)
    for index in (0, 5, 6):
        value = input_of(node, index)
        if value is not None:
            node.replace_input_with(index, draft.transpose(value, (1, 0, 2)))
    node.attributes.add(ir.AttrInt64("layout", 0))
    for index, perm in enumerate(((2, 0, 1, 3), (1, 0, 2), (1, 0, 2))):
        if draft.used(index):
            _turn_output(node, index, perm)
    return True


def _turn_output(node: ir.Node, index: int, perm: tuple[int, ...]) -> None:
    """What reads the output reads its transpose, under its name."""
    old = node.outputs[index]
    name, shape = old.name, shape_of(old)
    made = ir.node("Transpose", [old], {"perm": list(perm)}, name=f"{node.name}_batch_first{index}")
    turned = made.outputs[0]
    turned.type, turned.shape = old.type, ir.Shape(shape)
    old.replace_all_uses_with(turned, replace_graph_outputs=True)
    made.replace_input_with(0, old)
    back = [perm.index(axis) for axis in range(len(perm))]
    old.shape = ir.Shape([shape[axis] for axis in back])
    old.name, turned.name = f"{name}_time_first", name
    graph_of(node).insert_after(node, made)
