"""Inputs of a file that become constants in it: what they decide, sizes included, is then known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgemm.converters.importers.input_shapes import require_finite
from edgemm.converters.importers.tflite_graph.file import KINDS, grid_of, packed, text
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
    kind, (scale, zero) = KINDS[enum_names("TensorType")[tensor.type]], grid_of(tensor)
    if not scale:
        return np.full(shape, number, kind)
    return TensorSpec("", shape, kind, scale[0], zero[0]).quantize(np.full(shape, number, np.float32))
