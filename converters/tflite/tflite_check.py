"""Checks every written .tflite file: its structure, and the rules of int8 that kernels do not check.

AVERAGE_POOL and RESHAPE with unequal scales run, and give twice or half of what is right; a file
that breaks such a rule must not leave the converter.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from edgemm.converters.tflite.builder import ALIGNMENT
from edgemm.converters.tflite.schema import FORMS, enum_names, schema
from edgemm.errors import ConversionError
from edgemm.quantize.grid import MAX_SCALE

SAME_GRID = frozenset({
    "AVERAGE_POOL_2D", "BROADCAST_TO", "CONCATENATION", "GATHER", "MAXIMUM", "MAX_POOL_2D", "MINIMUM", "MIRROR_PAD",
    "PAD", "PADV2",
    "REDUCE_MAX", "REDUCE_MIN", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "STRIDED_SLICE", "TILE",
    "TRANSPOSE",
})  # fmt: skip
FIXED_GRID = {
    "SOFTMAX": (1 / 256, -128),
    "LOGISTIC": (1 / 256, -128),
    "TANH": (1 / 128, 0),
    "LOG_SOFTMAX": (16 / 256, 127),
}
WEIGHTED = {
    "CONV_2D": (0, 1, 2),
    "DEPTHWISE_CONV_2D": (0, 1, 2),
    "FULLY_CONNECTED": (0, 1, 2),
    "TRANSPOSE_CONV": (2, 1, 3),
}
"""Operator -> which of its inputs are data, weights and bias."""
MOVES_INTEGERS = frozenset({"CAST", "GATHER", "RESHAPE", "STRIDED_SLICE", "TRANSPOSE"})
"""Operators that take 8-bit integers that stand for nothing but themselves: they compute nothing."""
NO_DATA = SAME_GRID - {"AVERAGE_POOL_2D", "CONCATENATION", "MAXIMUM", "MAX_POOL_2D", "MINIMUM"}
"""Operators whose second input and those after it are not data."""
ON_GRIDS: dict[str, tuple[int, ...] | None] = {
    **dict.fromkeys(SAME_GRID, (0,)),
    **dict.fromkeys((
        "ARG_MAX", "ARG_MIN", "DEQUANTIZE", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "LOG_SOFTMAX", "MEAN", "QUANTIZE",
        "RELU", "RELU6", "RELU_N1_TO_1", "SOFTMAX", "TANH",
    ), (0,)),
    **dict.fromkeys(("ADD", "BATCH_MATMUL", "MAXIMUM", "MINIMUM", "MUL", "PRELU", "SUB"), (0, 1)),
    **WEIGHTED,
    "CONCATENATION": None,
    "PADV2": (0, 2),
}  # fmt: skip
"""Operator -> its inputs that may be on a grid: data, weights, bias, fill (None: all). The others, and all those of
operators that are not here, are read as they are: sizes, places, limits, conditions."""


def check_tflite(payload: bytes) -> None:
    """Reads the file back and checks it.

    Raises:
        ConversionError: a rule is broken; the message names the operator and the rule.
    """
    if payload[4:8] != b"TFL3":
        raise ConversionError("the written file is no TFLite model: the identifier is missing")
    try:
        model = schema().ModelT.InitFromPackedBuf(payload, 0)
        _check_model(model)
    except (struct.error, IndexError, AttributeError, TypeError, ValueError) as error:
        raise ConversionError(
            f"the file cannot be read as a TFLite model: {error}. Write it again"
        ) from error
    _check_alignment(payload)


def _check_model(model: Any) -> None:
    for number, graph in enumerate(model.subgraphs):
        _check_indexes(model, graph)
        if number == 0:
            _check_signature(model, graph)
        _check_structure(model, graph)
        for operator in graph.operators:
            _Check(model, graph, operator).run()


def _check_indexes(model: Any, graph: Any) -> None:
    """Everything that is pointed at is there."""
    counts = [
        ("tensor", (*graph.inputs, *graph.outputs), len(graph.tensors)),
        ("operator code", [each.opcodeIndex for each in graph.operators], len(model.operatorCodes)),
        ("buffer", [each.buffer for each in graph.tensors], len(model.buffers)),
        *(
            ("tensor", [i for i in (*each.inputs, *each.outputs) if i != -1], len(graph.tensors))
            for each in graph.operators
        ),
    ]
    for kind, used, count in counts:
        wrong = [int(index) for index in used if not 0 <= index < count]
        if wrong:
            raise _fault("an index", f"{kind} {wrong[0]}, of {count} that there are")


def _check_signature(model: Any, graph: Any) -> None:
    """The signature names every input and every output."""
    if not model.signatureDefs:
        raise _fault("the file", "has no signature")
    for what in ("inputs", "outputs"):
        named = {entry.tensorIndex for entry in getattr(model.signatureDefs[0], what)}
        if named != set(getattr(graph, what).tolist()):
            raise _fault("the signature", f"its {what} are not the graph's")


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
        self.model = model
        self.code = enum_names("BuiltinOperator")[max(code.builtinCode, code.deprecatedBuiltinCode)]
        self.version = code.version
        self.inputs = [graph.tensors[i] if i >= 0 else None for i in operator.inputs]
        self.outputs = [graph.tensors[i] for i in operator.outputs]
        self.constants: list[Any] = [
            model.buffers[graph.tensors[i].buffer].data if i >= 0 else None for i in operator.inputs
        ]
        self.options = operator.builtinOptions
        self.where = f"{self.code} {_name(self.outputs[0])}"

    def run(self) -> None:
        """All rules that apply."""
        versions = {version for version, _ in FORMS.get(self.code, {}).values()}
        if self.version not in versions:
            raise _fault(self.where, f"version {self.version} is not in the table of forms")
        for tensor in (*self.inputs, *self.outputs):
            plain = tensor is not None and _type(tensor) == "INT8" and not _grid(tensor)
            if plain and self.code not in MOVES_INTEGERS:
                raise _fault(self.where, f"{_name(tensor)} is int8 without a scale")
            if tensor is not None and not _is_sane(tensor):
                raise _fault(self.where, f"{_name(tensor)} has a scale that is not within 0..{MAX_SCALE:.3g}")
        self._operands()
        self._shape()
        if self.code == "WHILE":
            self._loop()
        if _type(self.outputs[0]) == "INT8" and _grid(self.outputs[0]):
            self._int8()

    def _operands(self) -> None:
        """Nothing but data, weights, bias and fill is on a grid."""
        may = ON_GRIDS.get(self.code, ())
        for index, tensor in enumerate(self.inputs):
            if tensor is not None and _grid(tensor) and may is not None and index not in may:
                raise _fault(self.where, f"input {index}, {_name(tensor)}, is on a grid, and is not data")

    def _shape(self) -> None:
        """The shapes of operators that old kernels do not check themselves."""
        shapes = [[] if tensor is None else [int(size) for size in tensor.shape] for tensor in self.inputs]
        found = [int(size) for size in self.outputs[0].shape]
        expected = found
        if self.code == "RESHAPE":
            expected = found if np.prod(shapes[0]) == np.prod(found) else shapes[0]
        if self.code == "TRANSPOSE":
            order = np.frombuffer(self.constants[1], np.int32).tolist()
            if sorted(order) != list(range(len(shapes[0]))):
                raise _fault(self.where, f"{order} is not a permutation of {len(shapes[0])} dimensions")
            expected = [shapes[0][axis] for axis in order]
        if self.code in ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D"):
            expected = self._window(shapes)
        if self.code == "FULLY_CONNECTED":
            expected = [*found[:-1], shapes[1][0]]
            if np.prod(shapes[0]) != np.prod(found[:-1]) * shapes[1][1]:
                raise _fault(self.where, f"{shapes[0]} does not fit weights {shapes[1]}")
        if found != expected:
            raise _fault(self.where, f"its output has shape {found}, expected {expected}")

    def _loop(self) -> None:
        """Condition and body take what the loop takes, and the body gives it back."""
        graphs = self.model.subgraphs
        numbers = self.options.condSubgraphIndex, self.options.bodySubgraphIndex
        if not all(0 < number < len(graphs) for number in numbers):
            raise _fault(self.where, f"subgraphs {numbers}, of {len(graphs)} that there are")
        condition, body = (graphs[number] for number in numbers)
        state = [_kind(tensor) for tensor in self.inputs]
        for graph, indexes in (
            (condition, condition.inputs),
            (body, body.inputs),
            (body, body.outputs),
        ):
            if [_kind(graph.tensors[index]) for index in indexes] != state:
                raise _fault(self.where, "its subgraphs take or give other tensors than it does")

    def _window(self, shapes: list[list[int]]) -> list[int]:
        """Output of an operator that slides over a picture."""
        options, channels = self.options, shapes[0][3]
        if self.code == "CONV_2D" or self.code == "DEPTHWISE_CONV_2D":
            dilations = (options.dilationHFactor, options.dilationWFactor)
            kernel, channels = shapes[1][1:3], shapes[1][0 if self.code == "CONV_2D" else 3]
        else:
            dilations, kernel = (1, 1), [options.filterHeight, options.filterWidth]
        same = enum_names("Padding")[options.padding] == "SAME"
        strides = (options.strideH, options.strideW)
        sizes = [
            -(-size // stride) if same else (size - (taps - 1) * dilation - 1) // stride + 1
            for size, taps, stride, dilation in zip(shapes[0][1:3], kernel, strides, dilations, strict=True)
        ]
        return [shapes[0][0], *sizes, channels]

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
        data, kernel, last = WEIGHTED[self.code]
        source: Any = self.inputs[data]
        weights: Any = self.inputs[kernel]
        if _type(weights) != "INT8":
            raise _fault(self.where, f"its weights are {_type(weights)}, its output INT8")
        bias = self.inputs[last] if len(self.inputs) > last else None
        if np.any(weights.quantization.zeroPoint):
            raise _fault(self.where, "weights have a zero point other than 0")
        channels = len(weights.quantization.scale)
        axis = weights.quantization.quantizedDimension
        if channels > 1 and axis != (3 if self.code == "DEPTHWISE_CONV_2D" else 0):
            raise _fault(self.where, f"its weight scales run along dimension {axis}")
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


def _kind(tensor: Any) -> tuple[str, list[int]]:
    return _type(tensor), [int(size) for size in (tensor.shape if tensor.shape is not None else ())]


def _type(tensor: Any) -> str:
    return enum_names("TensorType")[tensor.type]


def _grid_of(scale: float, zero_point: int) -> tuple[float, int]:
    return float(np.float32(scale)), zero_point


def _is_sane(tensor: Any) -> bool:
    """LiteRT ends the process on scales whose products overflow."""
    scales = None if tensor.quantization is None else tensor.quantization.scale
    return scales is None or bool(np.all((np.asarray(scales) > 0) & (np.asarray(scales) <= MAX_SCALE)))


def _grid(tensor: Any) -> tuple[float, int] | None:
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return None
    return float(quantization.scale[0]), int(quantization.zeroPoint[0])
