"""Large constants out of a parsed .onnx file: what is checked and serialised is small then, and each constant is held
once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir

LARGE_BYTES = 1 << 14
PLAIN = {ir.DataType[each] for each in ("FLOAT", "FLOAT16", "DOUBLE", "INT8", "UINT8", "INT32")}
"""Types of weights that NumPy has too. Whole numbers of 64 bits are sizes and places, which shapes hang on."""
HOLLOW = b"\0"
"""What stays in place of the content."""

Constants = dict[str, npt.NDArray[Any]]


def take_out(proto: onnx.ModelProto) -> tuple[onnx.ModelProto, Constants]:
    """Takes the content of large initializers out of a file that is given away: `proto` is of no use any more.

    Those whose content does not fit their shape stay as they are, and so do those of a name that is there twice.

    Returns:
        The same file with hollow initializers, in memory of its own, and the content by name.
    """
    found: Constants = {}
    for tensor in proto.graph.initializer:
        if tensor.name in found or tensor.data_type not in PLAIN or not tensor.HasField("raw_data"):
            continue
        kind, count = ir.DataType(tensor.data_type), math.prod(tensor.dims)
        size = count * kind.bitwidth // 8
        if min(tensor.dims, default=0) < 0 or size < LARGE_BYTES or tensor.ByteSize() < size:
            continue
        content = tensor.raw_data
        if len(content) == size:
            found[tensor.name] = np.frombuffer(content, kind.numpy()).reshape(tuple(tensor.dims))
            tensor.raw_data = HOLLOW
    if not found:
        return proto, found
    small = onnx.ModelProto()
    small.ParseFromString(proto.SerializeToString())
    return small, found


@contextmanager
def emptied(proto: onnx.ModelProto, constants: Constants) -> Iterator[None]:
    """Meanwhile hollow initializers have no elements, which is how onnx's check takes them: it counts bytes."""
    hollow = [each for each in proto.graph.initializer if each.name in constants and each.raw_data == HOLLOW]
    for tensor in hollow:
        tensor.ClearField("raw_data")
        tensor.dims[:] = [0]
    try:
        yield
    finally:
        for tensor in hollow:
            tensor.raw_data = HOLLOW
            tensor.dims[:] = constants[tensor.name].shape


def put_back(model: ir.Model, constants: Constants) -> None:
    """Gives the initializers of the graph of a hollow file their content."""
    for name, array in constants.items():
        model.graph.initializers[name].const_value = ir.Tensor(array, name=name)
