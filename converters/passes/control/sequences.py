"""Sequences of tensors and optional values are followed from where they are made to where they are read.

What torch's chunk, split, unbind and stack leave becomes Split and Concat; of a sequence itself nothing stays.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.control.body import Copies, stack
from edgemm.converters.passes.control.placing import stands_for
from edgemm.converters.passes.rewrite import array_of, data_of, graph_of, input_of
from edgemm.errors import ConversionError

Tensors = list[ir.Value]
Known = dict[ir.Value, Tensors]
"""A sequence -> what is in it; an optional value -> one value, or none."""


def resolve_sequences(model: ir.Model, *, computed: bool = False) -> int:
    """Reads elements where they were made.

    Precondition: constants are initializers, nodes are in order. Shapes are open afterwards.

    Args:
        computed: elements whose number is computed are gathered from all of them.

    Returns:
        How many nodes went.
    """
    lists: Known = {}
    count = 0
    for node in tuple(model.graph):
        count += resolve_list(model, node, lists)
        if computed and node.graph is not None and node.op_type == "SequenceAt":
            count += _gathered(model, node, lists)
    return count


def resolve_list(model: ir.Model, node: ir.Node, lists: Known) -> bool:
    """Notes the sequence that a node makes, or reads what it reads of one.

    Returns:
        Whether the node went.
    """
    if node.domain == "" and node.op_type in MAKERS:
        MAKERS[node.op_type](node, lists)
    elif node.domain == "" and node.op_type in READERS:
        return READERS[node.op_type](model, node, lists)
    return False


def known_lists(model: ir.Model) -> Known:
    """The sequences of a graph whose elements are known."""
    lists: Known = {}
    for node in model.graph:
        if node.domain == "" and node.op_type in MAKERS:
            MAKERS[node.op_type](node, lists)
    return lists


# what makes a sequence


def _construct(node: ir.Node, lists: Known) -> None:
    """SequenceConstruct, Optional."""
    lists[node.outputs[0]] = [value for value in node.inputs if value is not None]


def _insert(node: ir.Node, lists: Known) -> None:
    listed, place = lists.get(data_of(node)), _place(node, 2)
    if listed is not None and place is not None:
        at = len(listed) if place == _END else _within(node, place, len(listed), 1)
        lists[node.outputs[0]] = [*listed[:at], data_of(node, 1), *listed[at:]]


def _erase(node: ir.Node, lists: Known) -> None:
    listed, place = lists.get(data_of(node)), _place(node, 1)
    if listed is not None and place is not None:
        at = len(listed) - 1 if place == _END else _within(node, place, len(listed), 0)
        lists[node.outputs[0]] = [*listed[:at], *listed[at + 1 :]]


def _same(node: ir.Node, lists: Known) -> None:
    """Identity of a sequence."""
    listed = lists.get(data_of(node))
    if listed is not None:
        lists[node.outputs[0]] = listed


_END = "end"


def _place(node: ir.Node, index: int) -> int | str | None:
    """A constant place; the end where it is left out, None where it is computed."""
    value = input_of(node, index)
    if value is None:
        return _END
    array = array_of(value)
    return None if array is None else int(array.reshape(-1)[0])


def _within(node: ir.Node, place: int | str, size: int, more: int) -> int:
    at = int(place) + size if int(place) < 0 else int(place)
    if not 0 <= at < size + more:
        raise ConversionError(
            f"node {node.name!r} ({node.op_type}): element {place} of a sequence of {size}. Export the model again"
        )
    return at


# what reads one


def _at(model: ir.Model, node: ir.Node, lists: Known) -> bool:
    listed, place = lists.get(data_of(node)), _place(node, 1)
    if listed is None or place is None:
        return False
    return _becomes(node, listed[_within(node, place, len(listed), 0)])


def _gathered(model: ir.Model, node: ir.Node, lists: Known) -> bool:
    """An element whose number is computed, of elements of one shape."""
    listed = lists.get(data_of(node))
    shapes = {str(value.shape) for value in listed or ()}
    if not listed or len(shapes) != 1 or listed[0].shape is None or not listed[0].shape.is_static():
        return False
    copies = Copies(model, node)
    return _becomes(node, copies.op("Gather", [stack(copies, listed, 0), node.inputs[1]], axis=0))


def _length(model: ir.Model, node: ir.Node, lists: Known) -> bool:
    listed = lists.get(data_of(node))
    if listed is None:
        return False
    return _becomes(node, Copies(model, node).constant(np.array(len(listed), np.int64), "length"))


def _concat(model: ir.Model, node: ir.Node, lists: Known) -> bool:
    listed = lists.get(data_of(node))
    if not listed:
        return False
    copies, axis = Copies(model, node), node.attributes["axis"].as_int()
    if node.attributes.get_int("new_axis", 0):
        return _becomes(node, stack(copies, listed, axis))
    return _becomes(node, listed[0] if len(listed) == 1 else copies.op("Concat", listed, axis=axis))


def _split(model: ir.Model, node: ir.Node, lists: Known) -> bool:
    """SplitToSequence -> Split, and a sequence of its parts."""
    source, axis = data_of(node), node.attributes.get_int("axis", 0)
    sizes = _sizes(node, source, axis)
    if sizes is None:
        return False
    copies, graph = Copies(model, node), graph_of(node)
    given = copies.constant(np.array(sizes, np.int64), "sizes")
    split = ir.node(
        "Split", [source, given], {"axis": axis}, num_outputs=len(sizes), name=f"{node.name}_split"
    )
    graph.insert_before(node, split)
    parts = list(split.outputs)
    for index, value in enumerate(parts):
        value.name, value.type = f"{node.name}_part{index}", source.type
    if _without_axis(node):
        axes = copies.constant(np.array([axis], np.int64), "axes")
        parts = [copies.op("Squeeze", [value, axes]) for value in parts]
    made = ir.node("SequenceConstruct", parts, name=node.name)
    made.outputs[0].type, made.outputs[0].name = node.outputs[0].type, f"{node.name}_parts_out"
    graph.insert_before(node, made)
    _construct(made, lists)
    lists[node.outputs[0]] = lists[made.outputs[0]]
    return _becomes(node, made.outputs[0])


def _without_axis(node: ir.Node) -> bool:
    """The parts lose the axis: single slices, with keepdims 0. ONNX says that keepdims has no effect where a size is
    given; ONNX Runtime heeds it with the size 1, which is how torch.unbind is exported."""
    if node.attributes.get_int("keepdims", 1):
        return False
    given = input_of(node, 1)
    size = None if given is None else array_of(given)
    return given is None or (size is not None and size.ndim == 0 and int(size) == 1)


def _sizes(node: ir.Node, source: ir.Value, axis: int) -> list[int] | None:
    """How large the parts are along the axis; None where that is not known yet."""
    whole = None if source.shape is None else source.shape[axis]
    if not isinstance(whole, int):
        return None
    given = input_of(node, 1)
    if given is None:
        return [1] * whole
    sizes = array_of(given)
    if sizes is None:
        return None
    if sizes.ndim:
        return [int(size) for size in sizes.reshape(-1)]
    each = max(int(sizes), 1)
    return [min(each, whole - start) for start in range(0, whole, each)]


def _has_element(model: ir.Model, node: ir.Node, lists: Known) -> bool:
    value = input_of(node, 0)
    there = value is not None and (bool(lists[value]) if value in lists else _is_plain(value))
    if value is not None and not there and value not in lists:
        return False
    return _becomes(node, Copies(model, node).constant(np.array(there), "there"))


def _get_element(model: ir.Model, node: ir.Node, lists: Known) -> bool:
    value = data_of(node)
    if value in lists and isinstance(value.type, ir.OptionalType | None):
        return bool(lists[value]) and _becomes(node, lists[value][0])
    return _is_plain(value) and _becomes(node, value)


def _is_plain(value: ir.Value) -> bool:
    """A tensor or a sequence, which is always there."""
    return isinstance(value.type, ir.TensorType | ir.SequenceType)


def _becomes(node: ir.Node, value: ir.Value) -> bool:
    stands_for(node, 0, value)
    graph_of(node).remove(node, safe=True)
    return True


MAKERS: dict[str, Callable[[ir.Node, Known], None]] = {
    "Identity": _same,
    "Optional": _construct,
    "SequenceConstruct": _construct,
    "SequenceEmpty": _construct,
    "SequenceErase": _erase,
    "SequenceInsert": _insert,
}
"""Operators that make a sequence or an optional value."""
READERS: dict[str, Callable[[ir.Model, ir.Node, Known], bool]] = {
    "ConcatFromSequence": _concat,
    "OptionalGetElement": _get_element,
    "OptionalHasElement": _has_element,
    "SequenceAt": _at,
    "SequenceLength": _length,
    "SplitToSequence": _split,
}
"""Operators that make tensors of one, and SplitToSequence; True when the node is gone."""
