"""Activation functions that TFLite's operators have inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from edgemm.converters.tflite.schema import enum_names

if TYPE_CHECKING:
    from edgemm.converters.importers.tflite_graph.sketch import Sketch

LIMITS = {"RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0)}


def activated(sketch: Sketch, value: ir.Value, number: int) -> ir.Value:
    """The value with the activation function of that number behind it."""
    name = enum_names("ActivationFunctionType").get(number, str(number))
    if name == "NONE":
        return value
    if name in ("RELU", "TANH"):
        return sketch.node(name.capitalize(), [value])
    if name not in LIMITS:
        sketch.refuse(f"fused activation {name} is unknown", "Export the model without it")
    return limited(sketch, value, *LIMITS[name])


def limited(sketch: Sketch, value: ir.Value, low: float, high: float) -> ir.Value:
    """Clip."""
    limits = [sketch.constant(np.array(each, np.float32)) for each in (low, high)]
    return sketch.node("Clip", [value, *limits])
