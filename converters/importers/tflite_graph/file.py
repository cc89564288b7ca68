"""The bytes of a .tflite file as tensors and operators, with every index checked."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.converters.importers.tflite_graph.sparse import densified
from edgemm.converters.tflite.schema import enum_names, schema
from edgemm.errors import DamagedArtifact, UnsupportedOperator
from edgemm.excerpt import excerpt

Array = npt.NDArray[Any]
KINDS = {
    "FLOAT32": "float32", "FLOAT16": "float16", "FLOAT64": "float64", "INT32": "int32", "INT64": "int64",
    "INT16": "int16", "INT8": "int8", "UINT8": "uint8", "BOOL": "bool", "UINT32": "uint32", "UINT16": "uint16",
    "UINT64": "uint64", "COMPLEX64": "complex64",
}  # fmt: skip
"""TensorType -> numpy's name, of those that can be imported."""
DAMAGE = (
    struct.error,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    KeyError,
    OverflowError,
    MemoryError,
)
"""What the generated reader raises of bytes that do not hold together."""
POST_PROCESS = "TFLite_Detection_PostProcess"
INSTEAD = {
    POST_PROCESS: "Export the detector without it (--add_postprocessing_op=false of export_tflite_ssd_graph.py): "
    "a card's detection recipe decodes boxes and scores",
}
"""Custom operator -> what to do instead."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """One tensor of the file."""

    name: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    """The same with -1 for sizes that are open."""
    kind: str
    """numpy name, or TFLite's own name of a type that numpy lacks."""
    raw: Array | None
    """A constant as stored."""
    scale: Array
    """None, one, or one by channel."""
    zero_point: Array
    axis: int

    @property
    def on_grid(self) -> bool:
        """It holds integers that stand for real numbers."""
        return self.scale.size > 0 and self.kind in ("int8", "uint8", "int16", "int32", "int64")

    def real(self) -> Array | None:
        """A constant as real numbers, where it is quantized or in half precision; integers as they are."""
        if self.raw is None or not self.on_grid:
            return (
                self.raw.astype(np.float32) if self.raw is not None and self.kind == "float16" else self.raw
            )
        scale, zero = self.scale.astype(np.float32), self.zero_point.astype(np.float32)
        if scale.size > 1:
            along = [-1 if each == self.axis else 1 for each in range(self.raw.ndim)]
            scale, zero = scale.reshape(along), zero.reshape(along) if zero.size > 1 else zero
        with np.errstate(over="ignore"):  # a damaged file's scale
            return np.asarray((self.raw.astype(np.float32) - zero) * scale, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One operator of the file."""

    code: str
    inputs: tuple[int, ...]
    """Numbers of tensors; -1 for one that is left out."""
    outputs: tuple[int, ...]
    options: Any
    """Its table of options, or None."""

    def option(self, name: str, default: Any = 0) -> Any:
        """A field of its options."""
        return getattr(self.options, name, default) if self.options is not None else default


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What a .tflite file computes."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    graphs: int
    """Subgraphs in the file; the first is imported."""


def packed(payload: bytes, name: str) -> Any:
    """The generated schema's own objects.

    Raises:
        DamagedArtifact: the bytes do not hold together.
    """
    try:
        model = schema().ModelT.InitFromPackedBuf(payload, 0)
        if not model.subgraphs:
            raise ValueError("no graph")
    except DAMAGE as error:
        raise damaged(name, error) from error
    return model


def damaged(name: str, error: Exception) -> DamagedArtifact:
    """The error for bytes that do not hold together."""
    reason = excerpt(error, 160) or type(error).__name__
    return DamagedArtifact(f"{name}: not a valid .tflite model, or a damaged one ({reason}). Export it again")


def read_model(payload: bytes, name: str) -> Model:
    """The first subgraph of a file.

    Raises:
        DamagedArtifact: the bytes do not hold together.
        UnsupportedOperator: a custom operator.
    """
    found = packed(payload, name)
    try:
        codes = [operator_name(each) for each in found.operatorCodes or ()]
        graph = found.subgraphs[0]
        tensors = tuple(_tensor(each, found.buffers, payload) for each in graph.tensors or ())
        count = len(tensors)
        operators = tuple(_operator(each, codes, count) for each in graph.operators or ())
        inputs, outputs = _indexes(graph.inputs, count), _indexes(graph.outputs, count)
        if not outputs or min((*inputs, *outputs)) < 0:
            raise ValueError("its inputs or outputs are not there")
    except DAMAGE as error:
        raise damaged(name, error) from error
    _refuse_custom(operators, name)
    return Model(tensors, operators, inputs, outputs, len(found.subgraphs))


def _refuse_custom(operators: tuple[Operator, ...], name: str) -> None:
    for each in operators:
        if each.code.startswith("CUSTOM "):
            custom = each.code.removeprefix("CUSTOM ")
            remedy = INSTEAD.get(custom, "Export the model without it, with TFLite's own operators alone")
            raise UnsupportedOperator(f"{name}: custom operator {custom!r} has no form in ONNX. {remedy}")


def text(name: Any) -> str:
    """A name of the file."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name or "")


def operator_name(entry: Any) -> str:
    """What an entry of the file's operator codes is called: "CONV_2D", "CUSTOM name"."""
    number = max(entry.builtinCode, entry.deprecatedBuiltinCode)
    known = enum_names("BuiltinOperator").get(number, f"operator {number}")
    return f"CUSTOM {text(entry.customCode)}" if known == "CUSTOM" else known


def grid_of(tensor: Any) -> tuple[list[float], list[int]]:
    """Scales and zero points of one of the schema's tensors; none of a tensor without a grid."""
    grid = tensor.quantization
    if grid is None or grid.scale is None or not len(grid.scale):
        return [], []
    zero = grid.zeroPoint if grid.zeroPoint is not None else np.zeros(len(grid.scale), np.int64)
    return [float(each) for each in grid.scale], [int(each) for each in zero]


def _indexes(numbers: Any, count: int) -> tuple[int, ...]:
    found = tuple(int(each) for each in (numbers if numbers is not None else ()))
    if any(not -1 <= each < count for each in found):
        raise ValueError(f"a tensor of {found} is not there")
    return found


def _operator(entry: Any, codes: list[str], count: int) -> Operator:
    outputs = _indexes(entry.outputs, count)
    return Operator(codes[entry.opcodeIndex], _indexes(entry.inputs, count), outputs, entry.builtinOptions)


def _tensor(entry: Any, buffers: Any, payload: bytes) -> Tensor:
    shape = tuple(int(size) for size in (entry.shape if entry.shape is not None else ()))
    opened = entry.shapeSignature
    signature = tuple(int(size) for size in opened) if opened is not None and len(opened) else shape
    type_name = enum_names("TensorType")[entry.type]
    kind = KINDS.get(type_name, type_name)
    grid = entry.quantization
    scale = np.asarray(grid.scale if grid is not None and grid.scale is not None else (), np.float32)
    zero = grid.zeroPoint if grid is not None and grid.zeroPoint is not None else np.zeros(scale.size)
    axis = 0 if grid is None else int(grid.quantizedDimension)
    if scale.size and not np.all(np.isfinite(scale)):
        raise ValueError("a scale that is not finite")
    raw = _content(entry, buffers, payload, shape, kind)
    if raw is not None and scale.size > 1 and (axis >= raw.ndim or raw.shape[axis] != scale.size):
        raise ValueError(f"{scale.size} scales for a tensor {shape}")
    return Tensor(text(entry.name), shape, signature, kind, raw, scale, np.asarray(zero), axis)


def _content(entry: Any, buffers: Any, payload: bytes, shape: tuple[int, ...], kind: str) -> Array | None:
    """What a constant holds; None for a computed tensor."""
    buffer = buffers[entry.buffer]
    data = buffer.data
    if data is None and getattr(buffer, "offset", 0) > 1:
        data = np.frombuffer(payload, np.uint8, int(buffer.size), int(buffer.offset))
    if data is None or not len(data) or kind not in KINDS.values():
        return None
    numbers = np.asarray(data, np.uint8).tobytes()
    if entry.sparsity is not None:
        return densified(np.frombuffer(numbers, kind), shape, entry.sparsity)
    return np.frombuffer(numbers, kind).reshape(shape)
