"""Helpers that the passes share: read a constant, insert a node, replace one value by another.

Names are chosen from the node that a change belongs to, so that equal models give equal names; the pass
`unique_names` settles the rare clash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.errors import ConversionError
from edgemm.quantize import declared

Array = npt.NDArray[Any]


def nodes_of(model: ir.Model, *op_types: str) -> Iterator[ir.Node]:
    """The standard nodes of those types, in order; safe against changes made on the way."""
    for node in tuple(model.graph):
        if node.domain == "" and node.op_type in op_types and node.graph is not None:
            yield node


def array_of(value: ir.Value | None) -> Array | None:
    """What a constant holds; None for anything that is computed or absent."""
    return None if value is None or value.const_value is None else value.const_value.numpy()


def input_of(node: ir.Node, index: int) -> ir.Value | None:
    """An input, None where it is left out."""
    return node.inputs[index] if index < len(node.inputs) else None


def data_of(node: ir.Node, index: int = 0) -> ir.Value:
    """An input that must be there.

    Raises:
        ConversionError: it is left out.
    """
    value = input_of(node, index)
    if value is None:
        raise ConversionError(
            f"node {node.name!r} ({node.op_type}): input {index} is missing; export the model again"
        )
    return value


def shape_of(value: ir.Value) -> tuple[int, ...]:
    """The static shape.

    Raises:
        ConversionError: it is not known.
    """
    if value.shape is None or not value.shape.is_static():
        raise ConversionError(
            f"tensor {value.name!r} has no static shape ({value.shape}); give the sizes of the inputs with --shape"
        )
    return tuple(value.shape.numpy())


def graph_of(node: ir.Node) -> ir.Graph:
    """The graph that a node is in."""
    if node.graph is None:
        raise ConversionError(f"node {node.name!r} is in no graph")
    return node.graph


def discard(node: ir.Node) -> None:
    """The node goes, and what its bodies read from outside is no longer read by them."""
    graph_of(node).remove(node, safe=True)
    release(node)


def release(node: ir.Node) -> None:
    """Takes the bodies of a node that is gone apart: their nodes would count as readers of what is outside."""
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            body = attribute.as_graph()
            body.outputs.clear()
            for each in reversed(body):
                discard(each)


def sole_consumer(value: ir.Value) -> ir.Node | None:
    """The one node that reads the value, once; None when there are more readers, or it is a graph output."""
    if value.is_graph_output() or len(value.uses()) != 1:
        return None
    return value.consumers()[0]


def constant(graph: ir.Graph, name: str, array: Array) -> ir.Value:
    """A new initializer; a number is appended when the name is taken."""
    unique, count = name, 1
    while unique in graph.initializers:
        unique, count = f"{name}_{count}", count + 1
    tensor = ir.tensor(np.ascontiguousarray(array).reshape(np.shape(array)), name=unique)
    value = ir.Value(
        name=unique, shape=ir.Shape(np.shape(array)), type=ir.TensorType(tensor.dtype), const_value=tensor
    )
    graph.register_initializer(value)
    return value


def insert_before(
    anchor: ir.Node,
    op_type: str,
    inputs: Sequence[ir.Value | None],
    attributes: Mapping[str, Any] | None = None,
    *,
    suffix: str,
    shape: Sequence[int] | None,
    dtype: ir.DataType | None = None,
    domain: str = "",
) -> ir.Value:
    """A new one-output node before `anchor`, named after it; returns its output. Shape None: not known yet."""
    like = dtype or next((value.dtype for value in inputs if value is not None), None)
    output = ir.Value(
        name=f"{anchor.outputs[0].name}_{suffix}",
        shape=None if shape is None else ir.Shape(tuple(shape)),
        type=ir.TensorType(like) if like is not None else None,
    )
    name = f"{anchor.name}_{suffix}"
    node = ir.node(op_type, inputs, attributes, domain=domain, outputs=[output], name=name)
    graph_of(anchor).insert_before(anchor, node)
    return output


def take_place(node: ir.Node, value: ir.Value) -> None:
    """`value`, just made for that, becomes the output of `node`, names and all; the node goes."""
    old = node.outputs[0]
    graph, name = graph_of(node), old.name
    value.shape, value.type = old.shape or value.shape, old.type or value.type
    old.replace_all_uses_with(value, replace_graph_outputs=True)
    declared.move(old, value)
    graph.remove(node, safe=True)
    old.name = None
    value.name = name
    made = value.producer()
    if made is not None:
        made.name = node.name


def bypass(node: ir.Node, value: ir.Value) -> bool:
    """Readers of the node's output read `value`, which is there already; the node goes.

    Returns:
        False, and nothing is changed, when the output is one of the graph's and `value` cannot be.
    """
    old = node.outputs[0]
    if old.is_graph_output():
        if value.is_graph_output() or value.is_graph_input() or value.is_initializer():
            return False
        _rename_output(old, value)
    declared.move(old, value)
    old.replace_all_uses_with(value)
    graph_of(node).remove(node, safe=True)
    return True


def _rename_output(old: ir.Value, value: ir.Value) -> None:
    """`value` is the graph's output from now on, under the name that it has for the caller."""
    graph, name = old.graph, old.name
    if graph is not None:
        graph.outputs[list(graph.outputs).index(old)] = value
    old.name, value.name = None, name


def set_ints(node: ir.Node, **values: Sequence[int]) -> bool:
    """Sets lists of integers; True when one of them was another or absent."""
    before = {name: tuple(node.attributes.get_ints(name) or ()) for name in values}
    absent = [name for name in values if name not in node.attributes]
    for name, numbers in values.items():
        node.attributes.add(ir.AttrInt64s(name, [int(number) for number in numbers]))
    return bool(absent) or any(before[name] != tuple(values[name]) for name in values)


def drop(node: ir.Node, *names: str) -> bool:
    """Removes attributes; True when one was there."""
    found = [node.attributes.pop(name, None) for name in names]
    return any(attribute is not None for attribute in found)
