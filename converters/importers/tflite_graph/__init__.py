"""Imports .tflite files: float, half precision and quantized ones, as an ONNX graph.

file.py         the bytes: tensors, operators, constants as real numbers, sparse ones written out
pieces.py       what the two that rewrite a file share
variables.py    variables that keep states become inputs and outputs
constants.py    inputs that are set become constants
flow.py         loops are written out, branches taken
shapes.py       the sizes of all tensors, as LiteRT itself computes them
sketch.py       the ONNX graph that is drawn: values with their layout, and grids as QuantizeLinear and DequantizeLinear
parts.py        lists that loops fill, as the rows that they are filled with
table.py        TFLite operator -> the function that draws it; the functions stand in one file per family
importer.py     all of it in order
"""

from edgemm.converters.importers.tflite_graph.importer import Imported, import_tflite

__all__ = ["Imported", "import_tflite"]
