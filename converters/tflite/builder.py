"""A TFLite graph as a flatbuffer. The same graph always gives the same bytes."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from edgemm.converters.tflite.graph import Graph, Operator, Tensor
from edgemm.converters.tflite.schema import FORMS, TYPES, enum, options, schema

ALIGNMENT = 16
"""Bytes, of every buffer: kernels read weights with vector loads. The generated packing does not do it."""
TABLE_BYTES = 512
"""Of one tensor, operator or buffer beside its content, at most, as a rule: room that is asked for at once."""
LAST_OLD_CODE = 127
"""Operator codes were one byte once; older readers look there."""


def build(graph: Graph) -> bytes:
    """Packs the graph with a `serving_default` signature and its oldest runtime."""
    model = schema().ModelT()
    model.version = 3
    model.description = "edgemm"
    model.buffers = [schema().BufferT()]
    runtime = schema().MetadataT()
    runtime.name = "min_runtime_version"
    runtime.buffer = 1
    model.metadata = [runtime]
    model.buffers.append(_buffer(np.frombuffer(oldest_runtime(graph).encode().ljust(16, b"\0"), np.uint8)))
    graphs = [graph, *graph.subgraphs]
    model.operatorCodes, code_index = _codes(graphs)
    stored: dict[tuple[int, bytes], int] = {}
    model.subgraphs = [
        _subgraph(each, f"loop{number}" if number else "main", model.buffers, stored, code_index)
        for number, each in enumerate(graphs)
    ]
    model.signatureDefs = [_signature(graph, _numbers(graph))]
    return _packed(model)


def _numbers(graph: Graph) -> dict[int, int]:
    return {id(tensor): number for number, tensor in enumerate(graph.tensors())}


def _subgraph(
    graph: Graph,
    name: str,
    buffers: list[Any],
    stored: dict[tuple[int, bytes], int],
    codes: dict[tuple[str, int], int],
) -> Any:
    """One table of tensors, and the operators on them; buffers are the model's."""
    index = _numbers(graph)
    made = schema().SubGraphT()
    made.name = name
    made.tensors = [_tensor(tensor, buffers, stored) for tensor in graph.tensors()]
    made.inputs = _indexes(graph.inputs, index)
    made.outputs = _indexes(graph.outputs, index)
    made.operators = [_operator(operator, index, codes) for operator in graph.operators]
    return made


def _packed(model: Any) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(_room(model))  # one that is too small doubles, and copies all that it holds
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(memoryview(builder.Bytes)[builder.Head() :])


def _room(model: Any) -> int:
    """Bytes that the whole file takes, about."""
    content = sum(0 if each.data is None else each.data.nbytes for each in model.buffers)
    tables = sum(len(each.tensors) + len(each.operators) for each in model.subgraphs) + len(model.buffers)
    return int(content) + tables * TABLE_BYTES + (1 << 16)


def pack_model(model: Any) -> bytes:
    """A model of the generated schema, read from somewhere and changed, with its buffers aligned."""
    model.buffers = [
        each if each.data is None else _buffer(np.asarray(each.data, np.uint8)) for each in model.buffers
    ]
    return _packed(model)


def oldest_runtime(graph: Graph) -> str:
    """The oldest TensorFlow Lite version that has all of the graph's operator forms."""
    operators = [operator for each in (graph, *graph.subgraphs) for operator in each.operators]
    versions = [FORMS[operator.code][operator.form][1] for operator in operators]
    return max(versions, key=lambda each: tuple(map(int, each.split("."))), default="1.5.0")


def _buffer(data: Any) -> Any:
    """A buffer whose content is aligned."""

    class Aligned(schema().BufferT):  # type: ignore[misc]
        def Pack(self, builder: Any) -> Any:
            content = _bytes(self.data)
            builder.StartVector(1, len(content), ALIGNMENT)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            builder.vectorNumElems = len(content)
            vector = builder.EndVector()
            schema().BufferStart(builder)
            schema().BufferAddData(builder, vector)
            return schema().BufferEnd(builder)

    made = Aligned()
    made.data = data
    return made


def _bytes(data: Any) -> memoryview:
    """The content of an array in its order; a copy only of one that does not lie in that order."""
    content: memoryview = np.ascontiguousarray(data).reshape(-1).view(np.uint8).data
    return content


def _codes(graphs: list[Graph]) -> tuple[list[Any], dict[tuple[str, int], int]]:
    """The table of operator codes, and where each (code, version) stands in it."""
    index: dict[tuple[str, int], int] = {}
    codes: list[Any] = []
    for operator in (operator for graph in graphs for operator in graph.operators):
        version = FORMS[operator.code][operator.form][0]
        if (operator.code, version) in index:
            continue
        index[operator.code, version] = len(codes)
        code = schema().OperatorCodeT()
        code.builtinCode = enum("BuiltinOperator", operator.code)
        code.deprecatedBuiltinCode = min(code.builtinCode, LAST_OLD_CODE)
        code.version = version
        codes.append(code)
    return codes, index


def _indexes(tensors: list[Tensor | None] | list[Tensor], index: dict[int, int]) -> Any:
    return np.array([-1 if tensor is None else index[id(tensor)] for tensor in tensors], np.int32)


def _tensor(tensor: Tensor, buffers: list[Any], stored: dict[tuple[int, bytes], int]) -> Any:
    """One entry of the table of tensors; `stored` says which buffer has which content: equal constants share one."""
    made = schema().TensorT()
    made.name = tensor.name
    made.shape = np.array(tensor.shape, np.int32)
    made.hasRank = True
    made.type = enum("TensorType", TYPES[tensor.dtype])
    made.buffer = 0
    if tensor.data is not None:
        content = tensor.data.nbytes, hashlib.sha256(_bytes(tensor.data)).digest()
        if content not in stored:
            stored[content] = len(buffers)
            buffers.append(_buffer(tensor.data))
        made.buffer = stored[content]
    if tensor.grid is not None:
        made.quantization = schema().QuantizationParametersT()
        made.quantization.scale = np.asarray(tensor.grid.scale, np.float32)
        made.quantization.zeroPoint = np.full(len(tensor.grid.scale), tensor.grid.zero_point, np.int64)
        made.quantization.quantizedDimension = tensor.grid.axis or 0
    return made


def _operator(operator: Operator, index: dict[int, int], codes: dict[tuple[str, int], int]) -> Any:
    made = schema().OperatorT()
    made.opcodeIndex = codes[operator.code, FORMS[operator.code][operator.form][0]]
    made.inputs = _indexes(operator.inputs, index)
    made.outputs = _indexes(operator.outputs, index)
    made.builtinOptionsType, made.builtinOptions = options(operator.code, operator.options)
    return made


def _signature(graph: Graph, index: dict[int, int]) -> Any:
    signature = schema().SignatureDefT()
    signature.signatureKey = "serving_default"
    signature.subgraphIndex = 0
    for what in ("inputs", "outputs"):
        maps = []
        for tensor in getattr(graph, what):
            entry = schema().TensorMapT()
            entry.name, entry.tensorIndex = tensor.name, index[id(tensor)]
            maps.append(entry)
        setattr(signature, what, maps)
    return signature
