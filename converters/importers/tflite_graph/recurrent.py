"""Recurrent layers over a whole sequence."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.importers.tflite_graph.file import Operator
from edgemm.converters.importers.tflite_graph.sketch import Array, Sketch
from edgemm.converters.tflite.schema import enum_names

KERAS_CLIP = 10.0
"""Keras limits cells to that in every file; tanh of more is 1 to nine digits, so that it only matters for cells that
would go back from there, which the comparison with the source shows."""


def lstm(sketch: Sketch, op: Operator) -> None:
    """UNIDIRECTIONAL_SEQUENCE_LSTM without peepholes, projection or layer norm, as Keras writes it."""

    def given(place: int) -> bool:
        return place < len(op.inputs) and op.inputs[place] >= 0

    extra = [place for place in (9, 10, 11, 16, 17, 20, 21, 22, 23) if given(place)]
    if extra or not given(1) or op.option("diagonalRecurrentTensors", False):
        sketch.refuse("has peepholes, a projection, layer norms or coupled gates", "Export a plain LSTM")
    clip = float(op.option("cellClip", 0.0))
    if 0.0 < clip < KERAS_CLIP or op.option("projClip", 0.0):
        sketch.refuse(f"limits its cells to {clip:g}", "Export it without cell_clip")
    _require_activation(sketch, op, "TANH")
    for place in (18, 19):
        if given(place):
            state = sketch.tensor(op.inputs[place])
            if state.raw is not None and np.any(state.raw):
                sketch.refuse("starts from states that are not zero", "Export it with zero states")

    def gates(first: int) -> Array:
        order = (0, 3, 1, 2)  # TFLite: input, forget, cell, output; ONNX: input, output, forget, cell
        return np.concatenate([sketch.known(op.inputs[first + each], "weights") for each in order])

    hidden = sketch.shape(op.inputs[5])[-1]
    bias = np.concatenate([gates(12), np.zeros(4 * hidden, np.float32)])
    weights = [sketch.constant(each[None].astype(np.float32)) for each in (gates(1), gates(5), bias)]
    first = bool(op.option("timeMajor", False))
    value = sketch.read(op.inputs[0])
    value = value if first else sketch.node("Transpose", [value], perm=[1, 0, 2])
    found = sketch.many("LSTM", [value, *weights], 1, hidden_size=hidden)[0]
    _sequence(sketch, op, found, first)


def _sequence(sketch: Sketch, op: Operator, found: ir.Value, first: bool) -> None:
    """[time, 1, batch, hidden] -> the layout of the layer."""
    value = sketch.node("Squeeze", [found, sketch.constant(np.array([1], np.int64))])
    sketch.write(op.outputs[0], value if first else sketch.node("Transpose", [value], perm=[1, 0, 2]))


def _require_activation(sketch: Sketch, op: Operator, wanted: str) -> None:
    name = enum_names("ActivationFunctionType").get(op.option("fusedActivationFunction"), "?")
    if name != wanted:
        sketch.refuse(f"has activation {name}", f"Export it with {wanted.lower()}")


def rnn(sketch: Sketch, op: Operator) -> None:
    """UNIDIRECTIONAL_SEQUENCE_RNN: input, weights, recurrent weights, bias, state."""
    name = enum_names("ActivationFunctionType").get(op.option("fusedActivationFunction"), "?")
    if name not in ("TANH", "RELU"):
        sketch.refuse(f"has activation {name}", "Export it with tanh or relu")
    weights, recurrent, bias = (sketch.known(op.inputs[place], "weights") for place in (1, 2, 3))
    hidden = recurrent.shape[0]
    both = np.concatenate([bias, np.zeros(hidden, np.float32)])
    constants = [sketch.constant(each[None].astype(np.float32)) for each in (weights, recurrent, both)]
    first = bool(op.option("timeMajor", False))
    value = sketch.read(op.inputs[0])
    value = value if first else sketch.node("Transpose", [value], perm=[1, 0, 2])
    found = sketch.many("RNN", [value, *constants], 1, hidden_size=hidden, activations=[name.capitalize()])[0]
    _sequence(sketch, op, found, first)
