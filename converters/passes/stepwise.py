"""Turns a model of a whole sequence into one of a few steps at a time, with its states as inputs and outputs.

A recurrent layer's zero initial state becomes an input of the graph, its last state an output. A causal convolution's
padding with zeros becomes an input that holds the steps before, and the last steps come out. What looks at steps to
come cannot be taken apart, and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import onnx_ir as ir

from edgemm.card import StatePair
from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import (
    array_of,
    bypass,
    data_of,
    graph_of,
    input_of,
    nodes_of,
    shape_of,
    sole_consumer,
)
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
    padded = {conv: (pad, at) for pad in nodes_of(model, "Pad") for conv, at in _convolved(pad)}
    for node in nodes_of(model, *STATES, "Conv"):
        if node in padded:
            pairs += _steps_padded(model, node, *padded[node])
        else:
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


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where time is."""

    pad: int
    """In what is padded."""
    conv: int
    """In what the convolution reads."""


def _convolved(pad: ir.Node) -> list[tuple[ir.Node, _Axes]]:
    """The convolution that alone reads a Pad with zeros before one dimension, though its dimensions may be ordered
    otherwise or lie beside others of 1: so .tflite files have a causal convolution, which takes pictures there."""
    pads, fill = array_of(input_of(pad, 1)), array_of(input_of(pad, 2))
    if pads is None or pad.attributes.get_string("mode", "constant") != "constant":
        return []
    if fill is not None and fill.any():
        return []
    begins, ends = np.split(pads, 2)
    before = [at for at, (begin, end) in enumerate(zip(begins, ends, strict=True)) if begin > 0 and end == 0]
    if len(before) != 1:
        return []
    node, axis = sole_consumer(pad.outputs[0]), before[0]
    while node is not None and node.op_type != "Conv":
        moved = _moved(node, axis)
        if moved is None:
            return []
        node, axis = sole_consumer(node.outputs[0]), moved
    return [(node, _Axes(before[0], axis))] if node is not None and axis > 1 else []


def _moved(node: ir.Node, axis: int) -> int | None:
    """Where a dimension of what a node reads is in its result; None where it is not kept."""
    if node.op_type == "Transpose":
        return list(node.attributes["perm"].as_ints()).index(axis)
    if node.op_type != "Reshape":
        return None
    read, made = shape_of(data_of(node)), shape_of(node.outputs[0])
    kept, places = ([at for at, size in enumerate(shape) if size != 1] for shape in (read, made))
    if axis not in kept or [read[at] for at in kept] != [made[at] for at in places]:
        return None
    return places[kept.index(axis)]


def _steps_padded(model: ir.Model, conv: ir.Node, pad: ir.Node, axes: _Axes) -> list[StatePair]:
    """The steps before take the place of the zeros that a Pad put there."""
    at = axes.conv - 2
    kernel, dilations, strides = (
        list(conv.attributes[name].as_ints())[at] for name in ("kernel_shape", "dilations", "strides")
    )
    pads, reach = list(conv.attributes["pads"].as_ints()), (kernel - 1) * dilations
    sizes = array_of(input_of(pad, 1))
    begin = 0 if sizes is None else int(sizes[axes.pad])
    if strides != 1:
        _refuse(conv, f"it has stride {strides}", "Use stride 1")
    found = [begin + pads[at], pads[at + len(pads) // 2]]
    if found != [reach, 0] or begin != reach:
        expected = f"expected {reach} zeros before the sequence and none behind it, found pads {found}"
        _refuse(conv, f"it is not causal: {expected}", "Pad on the left only")
    draft, source = Draft(pad), data_of(pad)
    shape = list(shape_of(source))
    steps, shape[axes.pad] = shape[axes.pad], reach
    before = _input(model, f"{conv.name}_before", tuple(shape))
    joined = draft.concat([before, source], axis=axes.pad)
    after = draft.slice(joined, steps, steps + reach, axis=axes.pad)
    after.name = f"{conv.name}_after"
    left = np.array(sizes, np.int64)
    left[axes.pad] = 0
    pad.replace_input_with(0, joined)
    if left.any():
        pad.replace_input_with(1, draft.constant(left))
    else:
        bypass(pad, joined)
    model.graph.outputs.append(after)
    return [StatePair(str(after.name), str(before.name))]
