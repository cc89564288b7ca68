"""The ONNX writer: a canonical graph and its plan as an .onnx file that old and new runtimes load.

file = write_onnx(model, plan)     .payload is the bytes; .inputs and .outputs say what they hold
check_onnx(file.payload)           raises when the file breaks ONNX's rules or the plan's

placement.py    Q/DQ pairs around integer operators     constants.py   weights, biases and operands as integers
dynamic.py      int8 weights, activations quantized while running
shared.py       constants that hold the same, stored once
onnx_check.py   what every written file must fulfil
"""

from __future__ import annotations

from edgemm.converters.onnx_writer.onnx_check import check_onnx
from edgemm.converters.onnx_writer.writer import OnnxFile, check_opset, write_onnx

__all__ = ["OnnxFile", "check_onnx", "check_opset", "write_onnx"]
