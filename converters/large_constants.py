"""An .onnx file without the content of its large constants, which stays where it is: what is parsed, checked and copied
is small then, and no constant is held twice.

The check of onnx, its shape inference and every copy of a graph in protobuf's memory take the weights along, three and
four times a whole file. Here they are found in the bytes of the file before anything is parsed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from edgemm.artifact.containers import wire
from edgemm.errors import DamagedArtifact
from edgemm.quantize.reference import WEIGHTS, Apart

LARGE_BYTES = 1 << 14
PLAIN = {ir.DataType[each] for each in ("FLOAT", "FLOAT16", "DOUBLE", "INT8", "UINT8", "INT32")}
"""Types of weights that NumPy has too. Whole numbers of 64 bits are sizes and places, which shapes hang on."""
HOLLOW = b"\0"
"""What stands in place of the content."""
GRAPH, INITIALIZER, RAW_DATA = 7, 5, 9
"""Fields of ModelProto, GraphProto and TensorProto in onnx.proto."""

APART = "apart"

Array = npt.NDArray[Any]
Constants = dict[str, Array]
Piece = bytes | memoryview


def parse(payload: bytes) -> tuple[onnx.ModelProto, Constants]:
    """Parses a file.

    An initializer whose content does not fit its shape, or whose name comes twice, is left as it is.

    Returns:
        The file with hollow initializers, and their content by name: views of `payload`.

    Raises:
        DecodeError: no protobuf, or not this one.
    """
    constants: Constants = {}
    try:
        small = _hollow(memoryview(payload), constants)
    except (DamagedArtifact, DecodeError):  # parsed whole, it tells what is wrong
        small, constants = payload, {}
    proto = onnx.ModelProto()
    proto.ParseFromString(small)
    return proto, constants


def _hollow(data: memoryview, constants: Constants) -> bytes:
    """The file with hollow initializers; their content goes into `constants`."""
    whole = list(wire.records(data))
    graphs = [each for each in whole if (each.number, each.kind) == (GRAPH, wire.LENGTH)]
    if len(graphs) != 1:  # protobuf joins them
        return bytes(data)
    pieces: list[bytes | memoryview] = []
    for record in wire.records(data, graphs[0].value, graphs[0].end):
        known = (record.number, record.kind) == (INITIALIZER, wire.LENGTH)
        large = known and record.end - record.value >= LARGE_BYTES
        hollow = _hollow_tensor(data, record, constants) if large else None
        pieces.append(data[record.begin : record.end] if hollow is None else wire.encode(INITIALIZER, hollow))
    return b"".join(
        wire.encode(GRAPH, b"".join(pieces)) if each is graphs[0] else data[each.begin : each.end]
        for each in whole
    )


def _hollow_tensor(data: memoryview, tensor: wire.Record, constants: Constants) -> bytes | None:
    """One initializer; None where it is to stay as it is."""
    fields = list(wire.records(data, tensor.value, tensor.end, limit=1 << 10))
    content = [each for each in fields if (each.number, each.kind) == (RAW_DATA, wire.LENGTH)]
    if len(content) != 1:
        return None
    rest = b"".join(data[each.begin : each.end] for each in fields if each is not content[0])
    described, size = onnx.TensorProto.FromString(rest), content[0].end - content[0].value
    if not is_large(described, size) or described.name in constants:
        return None
    kind = ir.DataType(described.data_type).numpy()
    found = np.frombuffer(data[content[0].value : content[0].end], kind)
    constants[described.name] = found.reshape(tuple(described.dims))
    return rest + wire.encode(RAW_DATA, HOLLOW)


def is_large(tensor: onnx.TensorProto, size: int) -> bool:
    """Whether a tensor with so many bytes of content is one whose content is kept apart.

    Args:
        tensor: its name, type and shape.
    """
    if size < LARGE_BYTES or tensor.data_type not in PLAIN or min(tensor.dims, default=0) < 0:
        return False
    other = tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.HasField("segment")
    return not other and math.prod(tensor.dims) * ir.DataType(tensor.data_type).bitwidth == 8 * size


def beside(payload: bytes) -> Apart:
    """A file as ONNX Runtime takes it with its large constants beside it, which are views of it."""
    proto, constants = parse(payload)
    for tensor in proto.graph.initializer:
        if is_hollow(tensor, constants):
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value=WEIGHTS)
    read = {name for node in proto.graph.node for name in node.input}
    if not read.issuperset(constants):  # the runtime drops what nothing reads, and then does not find it
        return Apart(payload, {})
    return Apart(proto.SerializeToString(), constants)


def set_apart(model: ir.Model) -> Constants:
    """Leaves a graph, in place, with stand-ins for its large constants, which `hollow_out` knows in the file of it.

    Returns:
        Their content by name.
    """
    found: Constants = {}
    for name, value in model.graph.initializers.items():
        tensor = value.const_value
        if tensor is None or tensor.dtype not in PLAIN or tensor.nbytes < LARGE_BYTES:
            continue
        found[name] = tensor.numpy()
        shape = ir.Shape(tensor.shape.numpy())
        value.const_value = ir.ExternalTensor(APART, None, None, tensor.dtype, shape=shape, name=name)
    return found


def hollow_out(proto: onnx.ModelProto, constants: Mapping[str, Array]) -> None:
    """Makes hollow initializers of the stand-ins."""
    for tensor in proto.graph.initializer:
        if tensor.name in constants:
            tensor.ClearField("data_location")
            del tensor.external_data[:]
            tensor.raw_data = HOLLOW


def filled(proto: onnx.ModelProto, constants: Mapping[str, Array]) -> bytes:
    """The bytes of a hollow file with the content in its place, as protobuf itself writes them."""
    small: bytes = proto.SerializeToString(deterministic=True)
    if not constants:
        return small
    data = memoryview(small)
    pieces: list[Piece] = []
    for record in wire.records(data):
        if (record.number, record.kind) != (GRAPH, wire.LENGTH):
            pieces.append(data[record.begin : record.end])
            continue
        inner: list[Piece] = []
        for each in wire.records(data, record.value, record.end):
            known = (each.number, each.kind) == (INITIALIZER, wire.LENGTH)
            inner += _fill(data, each, constants) if known else [data[each.begin : each.end]]
        pieces += [wire.head(GRAPH, sum(map(len, inner))), *inner]
    return b"".join(pieces)


def _fill(data: memoryview, tensor: wire.Record, constants: Mapping[str, Array]) -> list[Piece]:
    """One initializer in pieces."""
    described = onnx.TensorProto.FromString(data[tensor.value : tensor.end])
    if not is_hollow(described, constants):
        return [data[tensor.begin : tensor.end]]
    array = np.ascontiguousarray(constants[described.name])
    content = array.astype(array.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8).data
    inner: list[Piece] = []
    for each in wire.records(data, tensor.value, tensor.end):
        raw = (each.number, each.kind) == (RAW_DATA, wire.LENGTH)
        inner += [wire.head(RAW_DATA, len(content)), content] if raw else [data[each.begin : each.end]]
    return [wire.head(INITIALIZER, sum(map(len, inner))), *inner]


@contextmanager
def emptied(proto: onnx.ModelProto, constants: Mapping[str, Array]) -> Iterator[None]:
    """Meanwhile hollow initializers have no elements, which is how onnx's check takes them: it counts bytes."""
    hollow = [each for each in proto.graph.initializer if is_hollow(each, constants)]
    for tensor in hollow:
        tensor.ClearField("raw_data")
        tensor.dims[:] = [0]
    try:
        yield
    finally:
        for tensor in hollow:
            tensor.raw_data = HOLLOW
            tensor.dims[:] = constants[tensor.name].shape


def is_hollow(tensor: onnx.TensorProto, constants: Mapping[str, Array]) -> bool:
    """Whether the content of an initializer is in `constants`."""
    return tensor.name in constants and tensor.raw_data == HOLLOW


def put_back(model: ir.Model, constants: Mapping[str, Array]) -> None:
    """Gives the initializers of the graph of a hollow file their content."""
    for name, array in constants.items():
        model.graph.initializers[name].const_value = ir.Tensor(array, name=name)
