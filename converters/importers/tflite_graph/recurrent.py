"""Recurrent layers over a whole sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from edgemm.converters.importers.tflite_graph.file import Operator
from edgemm.converters.importers.tflite_graph.sketch import Array, Sketch
from edgemm.converters.tflite.schema import enum_names

KERAS_CLIP = 10.0
"""Keras limits cells to that in every file; tanh of more is 1 to nine digits, so that it only matters for cells that
would go back from there, which the comparison with the source shows."""


GATES = (0, 3, 1, 2)
"""TFLite: input, forget, cell, output; ONNX: input, output, forget, cell."""
LSTM_WAY = 18
"""First operand of the backward half of a BIDIRECTIONAL_SEQUENCE_LSTM; those of the forward half begin at 1."""
RNN_WAY = 4
"""How many operands a direction of a BIDIRECTIONAL_SEQUENCE_RNN has; those of the forward half begin at 1."""


def lstm(sketch: Sketch, op: Operator) -> None:
    """UNIDIRECTIONAL_SEQUENCE_LSTM without peepholes, projection or layer norm, as Keras writes it."""
    _require_plain(sketch, op, (9, 10, 11, 16, 17, 20, 21, 22, 23), (1,), (18, 19))
    found = _recurrent(sketch, op, "LSTM", [_lstm_weights(sketch, op, 1)])
    _sequence(sketch, op, found)


def bidirectional_lstm(sketch: Sketch, op: Operator) -> None:
    """BIDIRECTIONAL_SEQUENCE_LSTM of the same kind: one reads the sequence from its end."""
    extra = (9, 10, 11, 16, 17, *(LSTM_WAY - 1 + each for each in (9, 10, 11, 16, 17)), *range(39, 48))
    _require_plain(sketch, op, extra, (1, LSTM_WAY), (35, 36, 37, 38))
    ways = [_lstm_weights(sketch, op, first) for first in (1, LSTM_WAY)]
    _both(sketch, op, _recurrent(sketch, op, "LSTM", ways))


def _require_plain(
    sketch: Sketch, op: Operator, extra: tuple[int, ...], gates: tuple[int, ...], states: tuple[int, ...]
) -> None:
    """Nothing but gates, and states that begin with zeros.

    Args:
        extra: operands of what ONNX's LSTM lacks, or has in another way.
        gates: operands that are left out where gates are coupled.
        states: operands that hold the states before the first step.
    """
    if any(_given(op, place) for place in extra) or not all(_given(op, place) for place in gates):
        sketch.refuse("has peepholes, a projection, layer norms or coupled gates", "Export a plain LSTM")
    if op.option("diagonalRecurrentTensors", False):
        sketch.refuse("has diagonal recurrent weights", "Export a plain LSTM")
    clip = float(op.option("cellClip", 0.0))
    if 0.0 < clip < KERAS_CLIP or op.option("projClip", 0.0):
        sketch.refuse(f"limits its cells to {clip:g}", "Export it without cell_clip")
    _require_activation(sketch, op, ("TANH",))
    _require_zero(sketch, op, states)


def _given(op: Operator, place: int) -> bool:
    return place < len(op.inputs) and op.inputs[place] >= 0


def _require_zero(sketch: Sketch, op: Operator, states: tuple[int, ...]) -> None:
    for place in states:
        if _given(op, place):
            state = sketch.tensor(op.inputs[place])
            if state.raw is not None and np.any(state.raw):
                sketch.refuse("starts from states that are not zero", "Export it with zero states")


Weights = tuple[Array, Array, Array]
"""Of one direction: for the input [gates * hidden, features], for the state, and both biases."""


def _lstm_weights(sketch: Sketch, op: Operator, first: int) -> Weights:
    """The weights of one direction, whose operands begin there."""

    def gates(place: int) -> Array:
        return np.concatenate([sketch.known(op.inputs[place + each], "weights") for each in GATES])

    bias = gates(first + 11)
    return gates(first), gates(first + 4), np.concatenate([bias, np.zeros_like(bias)])


def _rnn_weights(sketch: Sketch, op: Operator, first: int) -> Weights:
    weights, recurrent, bias = (
        sketch.known(op.inputs[place], "weights") for place in range(first, first + 3)
    )
    return weights, recurrent, np.concatenate([bias, np.zeros_like(bias)])


def _recurrent(sketch: Sketch, op: Operator, kind: str, ways: list[Weights], **more: Any) -> ir.Value:
    """The layer: [time, directions, batch, hidden]."""
    constants = [sketch.constant(np.stack([way[at] for way in ways]).astype(np.float32)) for at in range(3)]
    value = sketch.read(op.inputs[0])
    value = value if op.option("timeMajor", False) else sketch.node("Transpose", [value], perm=[1, 0, 2])
    if len(ways) > 1:
        more["direction"] = "bidirectional"
    hidden = ways[0][1].shape[-1]
    return sketch.many(kind, [value, *constants], 1, hidden_size=hidden, **more)[0]


def _sequence(sketch: Sketch, op: Operator, found: ir.Value) -> None:
    """[time, 1, batch, hidden] -> the layout of the layer."""
    value = sketch.node("Squeeze", [found, sketch.constant(np.array([1], np.int64))])
    _write(sketch, op, 0, value)


def _write(sketch: Sketch, op: Operator, place: int, value: ir.Value) -> None:
    """[time, batch, ...] -> the layout of the layer."""
    if not op.option("timeMajor", False):
        value = sketch.node("Transpose", [value], perm=[1, 0, 2])
    sketch.write(op.outputs[place], value)


def _both(sketch: Sketch, op: Operator, found: ir.Value) -> None:
    """Both directions as one output, side by side, or as two."""
    at, ones = sketch.constant(np.array([1], np.int64)), sketch.constant(np.array([1, 1], np.int64))
    ways = [sketch.node("Squeeze", [way, at]) for way in sketch.many("Split", [found, ones], 2, axis=1)]
    if op.option("mergeOutputs", False):
        _write(sketch, op, 0, sketch.node("Concat", ways, axis=2))
        return
    for place, way in enumerate(ways):
        _write(sketch, op, place, way)


def _require_activation(sketch: Sketch, op: Operator, wanted: tuple[str, ...]) -> str:
    name = enum_names("ActivationFunctionType").get(op.option("fusedActivationFunction"), "?")
    if name not in wanted:
        sketch.refuse(f"has activation {name}", f"Export it with {' or '.join(wanted).lower()}")
    return name.capitalize()


def rnn(sketch: Sketch, op: Operator) -> None:
    """UNIDIRECTIONAL_SEQUENCE_RNN: input, weights, recurrent weights, bias, state."""
    name = _require_activation(sketch, op, ("TANH", "RELU"))
    _require_zero(sketch, op, (4,))
    _sequence(sketch, op, _recurrent(sketch, op, "RNN", [_rnn_weights(sketch, op, 1)], activations=[name]))


def bidirectional_rnn(sketch: Sketch, op: Operator) -> None:
    """BIDIRECTIONAL_SEQUENCE_RNN without an auxiliary input."""
    name = _require_activation(sketch, op, ("TANH", "RELU"))
    if any(_given(op, place) for place in (9, 10, 11)):
        sketch.refuse("has an auxiliary input", "Export it with one input")
    _require_zero(sketch, op, (4, 8))
    ways = [_rnn_weights(sketch, op, first) for first in (1, 1 + RNN_WAY)]
    _both(sketch, op, _recurrent(sketch, op, "RNN", ways, activations=[name, name]))
