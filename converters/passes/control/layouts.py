"""RNN, LSTM and GRU with the batch first get time first, which runtimes have alone."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from edgemm.converters.passes.rewrite import graph_of, input_of, insert_before, nodes_of

RECURRENT = ("GRU", "LSTM", "RNN")


def put_time_first(model: ir.Model) -> int:
    """layout 1 -> layout 0 between Transposes: ONNX Runtime refuses layout 1.

    Shapes need not be known. Sources are brought to this form too before ONNX Runtime answers for them.

    Returns:
        How many nodes changed.
    """
    return sum(_turn(node) for node in nodes_of(model, *RECURRENT) if node.attributes.get_int("layout", 0))


def _turn(node: ir.Node) -> bool:
    for index in (0, 5, 6):
        value = input_of(node, index)
        if value is not None:
            swap = [1, 0, 2]
            turned = insert_before(
                node,
                "Transpose",
                [value],
                {"perm": swap},
                suffix=f"time_first{index}",
                shape=_moved(value, swap),
            )
            node.replace_input_with(index, turned)
    node.attributes.add(ir.AttrInt64("layout", 0))
    for index, perm in enumerate(((2, 0, 1, 3), (1, 0, 2), (1, 0, 2))):
        if index < len(node.outputs) and (
            node.outputs[index].uses() or node.outputs[index].is_graph_output()
        ):
            _turn_output(node, index, perm)
    return True


def _moved(value: ir.Value, perm: Sequence[int]) -> list[int] | None:
    """The shape with its axes in another order; None where it is not known."""
    if value.shape is None or not value.shape.is_static():
        return None
    sizes = value.shape.numpy()
    return [int(sizes[axis]) for axis in perm]


def _turn_output(node: ir.Node, index: int, perm: tuple[int, ...]) -> None:
    """What reads the output reads its transpose, under its name."""
    old = node.outputs[index]
    name, back = old.name, [perm.index(axis) for axis in range(len(perm))]
    made = ir.node("Transpose", [old], {"perm": list(perm)}, name=f"{node.name}_batch_first{index}")
    turned = made.outputs[0]
    turned.type, turned.shape = old.type, old.shape
    old.replace_all_uses_with(turned, replace_graph_outputs=True)
    made.replace_input_with(0, old)
    shape = _moved(old, back)
    old.shape = None if shape is None else ir.Shape(shape)
    old.name, turned.name = f"{name}_time_first", name
    graph_of(node).insert_after(node, made)
