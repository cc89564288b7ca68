"""Pieces of a file that is rewritten: a copy of a tensor, and a few of its operators as a file of their own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgemm.converters.importers.tflite_graph.file import Array, text
from edgemm.converters.tflite.builder import pack_model
from edgemm.converters.tflite.schema import enum, schema
from edgemm.converters.worker import evaluated


def copied(model: Any, index: int) -> tuple[Any, int]:
    """A tensor of the first graph of its own with the same numbers: inputs and outputs of a graph are not each other.

    Returns:
        The operator that copies, which is in no graph yet, and the number of the new tensor.
    """
    graph, kinds = model.subgraphs[0], schema()
    source = graph.tensors[index]
    made, shape, buffer = kinds.TensorT(), kinds.TensorT(), kinds.BufferT()
    for each in ("shape", "shapeSignature", "type", "quantization", "hasRank"):
        setattr(made, each, getattr(source, each))
    buffer.data = np.frombuffer(np.asarray(source.shape, np.int32).tobytes(), np.uint8)
    shape.shape, shape.type = np.array([len(source.shape)], np.int32), enum("TensorType", "INT32")
    shape.name, shape.buffer = f"{text(source.name)}_shape", len(model.buffers)
    model.buffers.append(buffer)
    graph.tensors += [made, shape]
    code = kinds.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = enum("BuiltinOperator", "RESHAPE")
    code.version = 1
    model.operatorCodes.append(code)
    operator = kinds.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs = np.array([index, len(graph.tensors) - 1], np.int32)
    operator.outputs = np.array([len(graph.tensors) - 2], np.int32)
    return operator, len(graph.tensors) - 2


def run_alone(model: Any, number: int, operators: Sequence[Any], at: Callable[[int], int]) -> list[Array]:
    """What operators of one graph compute from constants, in LiteRT.

    Args:
        number: of their graph.
        at: tensor of that graph -> the constant of the first graph that it is.

    Returns:
        All their outputs as they are stored, in order.
    """
    kinds, ends = schema(), [int(index) for operator in operators for index in operator.outputs]
    graph, main = model.subgraphs[number], model.subgraphs[0]
    one, numbers = kinds.SubGraphT(), dict[int, int]()
    one.tensors, one.operators, one.inputs = [], [], np.zeros(0, np.int32)
    file = copy.copy(model)
    file.buffers, file.subgraphs, file.signatureDefs, file.metadata = [kinds.BufferT()], [one], None, None

    def placed(index: int) -> int:
        if index < 0 or index in numbers:
            return numbers.get(index, index)
        computed = index in ends
        tensor = copy.copy(graph.tensors[index] if computed else main.tensors[at(index)])
        if not computed:
            file.buffers.append(model.buffers[tensor.buffer])
        tensor.buffer = 0 if computed else len(file.buffers) - 1
        numbers[index] = len(one.tensors)
        one.tensors.append(tensor)
        return numbers[index]

    for operator in operators:
        made = copy.copy(operator)
        made.inputs = np.array([placed(int(index)) for index in operator.inputs], np.int32)
        made.outputs = np.array([placed(int(index)) for index in operator.outputs], np.int32)
        one.operators.append(made)
    one.outputs = np.array([numbers[index] for index in ends], np.int32)
    return evaluated(pack_model(file))
