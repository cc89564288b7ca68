"""Our own reading of every written .tflite file: structure, and the rules of int8 that kernels do not check.

AVERAGE_POOL and RESHAPE with unequal scales run, and give twice or half of what is right; a file
that breaks such a rule must not leave the converter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgemm.converters.tflite.builder import ALIGNMENT
from edgemm.converters.tflite.schema import FORMS, enum_names, schema
from edgemm.errors import ConversionError

SAME_GRID = frozenset({
    "AVERAGE_POOL_2D", "CONCATENATION", "MAXIMUM", "MAX_POOL_2D", "MINIMUM", "MIRROR_PAD", "PAD", "PADV2",
    "REDUCE_MAX", "REDUCE_MIN", "RESHAPE", "STRIDED_SLICE", "TRANSPOSE",
})  # fmt: skip
FIXED_GRID = {
    "SOFTMAX": (1 / 256, -128),
    "LOGISTIC": (1 / 256, -128),
    "TANH": (1 / 128, 0),
    "LOG_SOFTMAX": (16 / 256, 127),
}
WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
NO_DATA = frozenset(
    {"RESHAPE", "TRANSPOSE", "PAD", "PADV2", "MIRROR_PAD", "STRIDED_SLICE", "REDUCE_MAX", "REDUCE_MIN"}
)
"""Operators whose second input and those after it are not data."""


def check_tflite(payload: bytes) -> None:
    """Reads the file back and checks it.

    Raises:
        ConversionError: a rule is broken; the message names the operator and the rule.
    """
    if payload[4:8] != b"TFL3":
        raise ConversionError("the written file is no TFLite model: the identifier is missing")
    model = schema().ModelT.InitFromPackedBuf(payload, 0)
    for graph in model.subgraphs:
        _check_structure(model, graph)
        for operator in graph.operators:
            _Check(model, graph, operator).run()
    _check_alignment(payload)


def _fault(where: str, what: str) -> ConversionError:
    return ConversionError(f"the written .tflite breaks a rule: {where}: {what}. Please report the model")


def _check_structure(model: Any, graph: Any) -> None:
    """Every tensor is written once, before it is read, and every buffer has the size of its tensor."""
    written = set(graph.inputs.tolist())
    for index, tensor in enumerate(graph.tensors):
        data = model.buffers[tensor.buffer].data
        if data is None:
            continue
        written.add(index)
        items = int(np.prod(tensor.shape)) if len(tensor.shape) else 1
        if items * _item_size(tensor.type) != len(data):
            raise _fault(_name(tensor), f"{len(data)} bytes of data for shape {list(tensor.shape)}")
    for operator in graph.operators:
        unread = [i for i in operator.inputs.tolist() if i >= 0 and i not in written]
        if unread:
            raise _fault(_name(graph.tensors[unread[0]]), "is read before it is written")
        written.update(operator.outputs.tolist())
    lost = [i for i in graph.outputs.tolist() if i not in written]
    if lost:
        raise _fault(_name(graph.tensors[lost[0]]), "is an output that nothing writes")


def _check_alignment(payload: bytes) -> None:
    model = schema().Model.GetRootAs(payload, 0)
    for index in range(model.BuffersLength()):
        buffer = model.Buffers(index)
        if not buffer.DataIsNone() and buffer._tab.Vector(buffer._tab.Offset(4)) % ALIGNMENT:
            raise _fault(f"buffer {index}", f"is not aligned to {ALIGNMENT} bytes")


def _item_size(kind: int) -> int:
    return {"FLOAT32": 4, "INT32": 4, "INT64": 8, "FLOAT16": 2}.get(enum_names("TensorType")[kind], 1)


def _name(tensor: Any) -> str:
    name = tensor.name
    return name.decode() if isinstance(name, bytes) else str(name)


class _Check:
    """The rules of one operator."""

    def __init__(self, model: Any, graph: Any, operator: Any) -> None:
        code = model.operatorCodes[operator.opcodeIndex]
        self.code = enum_names("BuiltinOperator")[max(code.builtinCode, code.deprecatedBuiltinCode)]
        self.version = code.version
        self.inputs = [graph.tensors[i] if i >= 0 else None for i in operator.inputs]
        self.outputs = [graph.tensors[i] for i in operator.outputs]
        self.where = f"{self.code} {_name(self.outputs[0])}"

    def run(self) -> None:
        """All rules that apply."""
        versions = {version for version, _ in FORMS.get(self.code, {}).values()}
        if self.version not in versions:
            raise _fault(self.where, f"version {self.version} is not in the table of forms")
        for tensor in (*self.inputs, *self.outputs):
            if tensor is not None and _type(tensor) == "INT8" and not _grid(tensor):
                raise _fault(self.where, f"{_name(tensor)} is int8 without a scale")
        if _type(self.outputs[0]) == "INT8":
            self._int8()

    def _int8(self) -> None:
        output = _grid(self.outputs[0])
        if self.code in FIXED_GRID and output != _grid_of(*FIXED_GRID[self.code]):
            raise _fault(self.where, f"its output must be on {FIXED_GRID[self.code]}, found {output}")
        if self.code in SAME_GRID:
            data = self.inputs[:1] if self.code in NO_DATA else self.inputs
            for tensor in data:
                if tensor is not None and _grid(tensor) != output:
                    raise _fault(self.where, f"{_name(tensor)} is on {_grid(tensor)}, the output on {output}")
        if self.code in WEIGHTED:
            self._weights()

    def _weights(self) -> None:
        source: Any = self.inputs[0]
        weights: Any = self.inputs[1]
        bias = self.inputs[2] if len(self.inputs) > 2 else None
        if np.any(weights.quantization.zeroPoint):
            raise _fault(self.where, "weights have a zero point other than 0")
        channels = len(weights.quantization.scale)
        axis = weights.quantization.quantizedDimension
        if channels not in (1, weights.shape[axis]) or np.any(np.asarray(weights.quantization.scale) <= 0):
            raise _fault(self.where, f"{channels} weight scales for {weights.shape[axis]} channels")
        if bias is None:
            return
        if _type(bias) != "INT32" or len(bias.shape) != 1:
            raise _fault(self.where, "the bias is not int32[channels]")
        product = np.float32(source.quantization.scale[0]) * np.asarray(
            weights.quantization.scale, np.float32
        )
        if not np.allclose(bias.quantization.scale, product, rtol=1e-6, atol=0):
            raise _fault(self.where, "the bias is not on the scale of the products")


def _type(tensor: Any) -> str:
    return enum_names("TensorType")[tensor.type]


def _grid_of(scale: float, zero_point: int) -> tuple[float, int]:
    return float(np.float32(scale)), zero_point


def _grid(tensor: Any) -> tuple[float, int] | None:
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return None
    return float(quantization.scale[0]), int(quantization.zeroPoint[0])
