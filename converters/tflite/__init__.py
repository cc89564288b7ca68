"""The TFLite writer: canonical graph and plan in, .tflite out. No TensorFlow, no torch.

schema.py      the schema module, and the table of operator forms
graph.py       tensors and operators
lowering.py    where each value is stored, and in which layout
lower/         ONNX operators -> TFLite operators, one file per family
tidy.py        what cancels is taken out
builder.py     bytes
check.py       our own reading of what was written
"""

from edgemm.converters.tflite.tflite_check import check_tflite
from edgemm.converters.tflite.writer import TfliteFile, TflitePort, write_tflite

__all__ = ["TfliteFile", "TflitePort", "check_tflite", "write_tflite"]
