"""Turns a model of a whole sequence into one of a few steps at a time, with its states as inputs and outputs.

A recurrent layer's zero initial state becomes an input of the graph, its last state an output. A causal convolution's
padding with zeros becomes an input that holds the steps before, and the last steps come out. What looks at steps to
come cannot be taken apart, and is refused.
"""

from __future__ import annotations

from typing import NoReturn

import onnx_ir as ir

from edgemm.card import StatePair
from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import array_of, data_of, graph_of, input_of, nodes_of, shape_of
from edgemm.errors import UnsupportedOperator

STATES = {"LSTM": {"h": (5, 1), "c": (6, 2)}, "GRU": {"h": (5, 1)}, "RNN": {"h": (5, 1)}}
"""Operator -> name of a state -> (index of its input, index of its output)."""
LENGTHS = 4
"""Index of a recurrent layer's sequence lengths."""


def add_states(model: ir.Model) -> tuple[StatePair, ...]:
    """Gives every layer that remembers its state as an input and an output, in place.

    Precondition: canonical. A state that is an input of the graph already is left to it.

    Returns:
        The new pairs, in the graph's order.

    Raises:
        UnsupportedOperator: a layer looks at steps to come, or nothing remembers anything.
    """
    pairs: list[StatePair] = []
    for node in nodes_of(model, *STATES, "Conv"):
        pairs += _steps_before(model, node) if node.op_type == "Conv" else _states(model, node)
    if not pairs:
        raise UnsupportedOperator(
            "stepwise: expected a recurrent layer from a zero state or a causal convolution over time, found none. "
            "Convert the model without it: each call stands for itself"
        )
    return tuple(pairs)


def _refuse(node: ir.Node, reason: str, remedy: str) -> NoReturn:
    raise UnsupportedOperator(
        f"node {node.name!r} ({node.op_type}) cannot go step by step: {reason}. {remedy}"
    )


def _states(model: ir.Model, node: ir.Node) -> list[StatePair]:
    direction = node.attributes.get_string("direction", "forward")
    if direction != "forward":
        _refuse(node, f"it reads the sequence {direction}, from steps to come", "Train a forward layer")
    if input_of(node, LENGTHS) is not None:
        _refuse(node, "it has sequence lengths", "Export the model without them")
    return [
        StatePair(_last(model, node, name, output), _initial(model, node, name, index))
        for name, (index, output) in STATES[node.op_type].items()
        if not _is_given(node, index)
    ]


def _is_given(node: ir.Node, index: int) -> bool:
    """True when the model has a way of its own to set the state."""
    value = input_of(node, index)
    known = array_of(value)
    if known is not None and known.any():
        _refuse(node, "its initial state is not zero, and a stream starts from zero", "Start it from zeros")
    return value is not None and known is None


def _initial(model: ir.Model, node: ir.Node, name: str, index: int) -> str:
    batch_first = node.attributes.get_int("layout", 0) == 1
    batch = shape_of(data_of(node))[0 if batch_first else 1]
    hidden = shape_of(data_of(node, 2))[-1]
    value = _input(model, f"{node.name}_{name}", (batch, 1, hidden) if batch_first else (1, batch, hidden))
    if len(node.inputs) <= index:
        node.resize_inputs(index + 1)
    node.replace_input_with(index, value)
    return str(value.name)


def _last(model: ir.Model, node: ir.Node, name: str, index: int) -> str:
    if len(node.outputs) <= index:
        node.resize_outputs(index + 1)
    value, batch_first = node.outputs[index], node.attributes.get_int("layout", 0) == 1
    batch = shape_of(data_of(node))[0 if batch_first else 1]
    hidden = shape_of(data_of(node, 2))[-1]
    value.shape = ir.Shape((batch, 1, hidden) if batch_first else (1, batch, hidden))
    value.type = ir.TensorType(ir.DataType.FLOAT)
    value.name = value.name or f"{node.name}_{name}_after"
    if not value.is_graph_output():
        model.graph.outputs.append(value)
        return str(value.name)
    copy = ir.node("Identity", [value], name=f"{node.name}_{name}_copy")
    graph_of(node).insert_after(node, copy)
    copy.outputs[0].name, copy.outputs[0].shape = f"{node.name}_{name}_after", value.shape
    copy.outputs[0].type = value.type
    model.graph.outputs.append(copy.outputs[0])
    return str(copy.outputs[0].name)


def _input(model: ir.Model, name: str, shape: tuple[int, ...]) -> ir.Value:
    value = ir.Value(name=name, shape=ir.Shape(shape), type=ir.TensorType(ir.DataType.FLOAT))
    model.graph.inputs.append(value)
    return value


def _steps_before(model: ir.Model, node: ir.Node) -> list[StatePair]:
    kernel, dilations = (node.attributes[name].as_ints() for name in ("kernel_shape", "dilations"))
    if all(size == 1 for size in kernel):
        return []
    if len(kernel) != 1:
        _refuse(node, "it is a convolution over two dimensions", "Only those over time alone are taken apart")
    reach = (kernel[0] - 1) * dilations[0]
    pads, strides = (list(node.attributes[name].as_ints()) for name in ("pads", "strides"))
    if strides != [1]:
        _refuse(node, f"it has stride {strides[0]}", "Use stride 1")
    if pads != [reach, 0]:
        expected = f"expected {reach} zeros before the sequence and none behind it, found pads {pads}"
        _refuse(node, f"it is not causal: {expected}", "Pad on the left only")
    draft, source = Draft(node), data_of(node)
    batch, channels, steps = shape_of(source)
    before = _input(model, f"{node.name}_before", (batch, channels, reach))
    joined = draft.concat([before, source], axis=2)
    after = draft.slice(joined, steps, steps + reach, axis=2)
    after.name = f"{node.name}_after"
    node.replace_input_with(0, joined)
    node.attributes.add(ir.AttrInt64s("pads", [0, 0]))
    model.graph.outputs.append(after)
    return [StatePair(str(after.name), str(before.name))]
