"""Inputs of a file that become constants in it: what they decide, sizes included, is then known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgemm.converters.importers.input_shapes import require_finite
from edgemm.converters.importers.tflite_graph.file import KINDS, packed, text
from edgemm.converters.tflite.builder import pack_model
from edgemm.converters.tflite.schema import enum_names, schema
from edgemm.tensors import TensorSpec


def with_constants(payload: bytes, name: str, constants: Mapping[str, float]) -> bytes:
    """The file with these inputs as constants.

    Args:
        payload: its inputs have fixed sizes.
        name: of the file, for messages.
        constants: input name -> the real number that all its elements have.

    Raises:
        InputError: a number is not finite.
    """
    model = packed(payload, name)
    graph = model.subgraphs[0]
    left = []
    for index in graph.inputs:
        tensor = graph.tensors[index]
        key = text(tensor.name)
        if key not in constants:
            left.append(int(index))
            continue
        require_finite(key, constants[key])
        buffer = schema().BufferT()
        buffer.data = np.frombuffer(_content(tensor, constants[key]).tobytes(), np.uint8)
        tensor.buffer = len(model.buffers)
        model.buffers.append(buffer)
    graph.inputs = np.array(left, np.int32)
    model.signatureDefs = None  # they name inputs that went
    return pack_model(model)


def _content(tensor: Any, number: float) -> Any:
    """All elements as the file stores them."""
    shape = tuple(int(size) for size in (tensor.shape if tensor.shape is not None else ()))
    kind, grid = KINDS[enum_names("TensorType")[tensor.type]], tensor.quantization
    if grid is None or grid.scale is None or not len(grid.scale):
        return np.full(shape, number, kind)
    zero = int(grid.zeroPoint[0]) if grid.zeroPoint is not None else 0
    return TensorSpec("", shape, kind, float(grid.scale[0]), zero).quantize(
        np.full(shape, number, np.float32)
    )
