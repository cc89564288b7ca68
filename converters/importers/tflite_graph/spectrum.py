"""RFFT2D of rows, as products with tables of cosines and sines; complex numbers are pairs."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.importers.tflite_graph.file import Operator
from edgemm.converters.importers.tflite_graph.sketch import Sketch


def rfft(sketch: Sketch, op: Operator) -> None:
    """RFFT2D over one row: [..., 1, n] -> [..., 1, n / 2 + 1]."""
    height, length = sketch.numbers(op.inputs[1], "length")
    shape = sketch.shape(op.inputs[0])
    if height != 1 or shape[-2] != 1 or shape[-1] > length:
        sketch.refuse("transforms more than one row", "Export the model with rfft")
    angles = 2 * np.pi * np.outer(np.arange(shape[-1]), np.arange(length // 2 + 1)) / length
    value = sketch.read(op.inputs[0])
    tables = [sketch.constant(table.astype(np.float32)) for table in (np.cos(angles), -np.sin(angles))]
    real, imaginary = (sketch.node("MatMul", [value, table]) for table in tables)
    sketch.complex[op.outputs[0]] = (real, imaginary)


def _parts(sketch: Sketch, op: Operator) -> tuple[ir.Value, ir.Value]:
    found = sketch.complex.get(op.inputs[0])
    if found is None:
        sketch.refuse("reads complex numbers that no RFFT2D makes", "Export the model without them")
    return found


def magnitude(sketch: Sketch, op: Operator) -> None:
    """COMPLEX_ABS."""
    squares = [sketch.node("Mul", [each, each]) for each in _parts(sketch, op)]
    sketch.write(op.outputs[0], sketch.node("Sqrt", [sketch.node("Add", squares)]))


def part(sketch: Sketch, op: Operator) -> None:
    """REAL, IMAG."""
    sketch.write(op.outputs[0], _parts(sketch, op)[op.code == "IMAG"])


def same_complex(sketch: Sketch, op: Operator) -> None:
    """RESHAPE, SQUEEZE of complex numbers."""
    shape = sketch.shape(op.outputs[0])
    real, imaginary = (sketch.reshape(each, shape) for each in _parts(sketch, op))
    sketch.complex[op.outputs[0]] = (real, imaginary)
