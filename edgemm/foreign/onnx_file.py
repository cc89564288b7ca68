"""What an .onnx file holds that a card can be made from: metadata_props, inputs, outputs, and what makes these.

Numbers of fields are those of onnx.proto. Weights are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgemm.artifact.containers import wire
from edgemm.tensors import TensorSpec

MAX_KEY, MAX_VALUE = 256, 1 << 20
"""Bytes of a key, and of a value of metadata_props: the alphabet of a text recogniser takes 25,000."""
MAX_ENTRIES = 1024
MAX_RECORDS = 1 << 16
"""At the top of the model."""
MAX_NODES = 1 << 18
"""And weights, of the graph."""
MAX_OUTPUTS = 64
"""Of a model whose outputs are traced back to what makes them."""
_TOP_METADATA, _TOP_GRAPH = 14, 7
_NODE, _INITIALIZER, _INPUT, _OUTPUT = 1, 5, 11, 12
_TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    11: "float64",
}  # fmt: skip
_KEEPS = frozenset({
    "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Cast", "DequantizeLinear", "QuantizeLinear",
})  # fmt: skip
"""Operators that change the form of numbers, not what they mean."""


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """The outside of a model."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    """-1 for a dimension that the file leaves open."""
    producers: tuple[str, ...]
    """For each output the operator that computes it, those that only change the form of numbers passed over; "" where
    there is none."""


def read_properties(payload: bytes) -> dict[str, str]:
    """metadata_props, by key; of a key that comes twice, the last. Values that are too long are left out.

    Raises:
        DamagedArtifact: the records do not hold together.
    """
    view = memoryview(payload)
    found: dict[str, str] = {}
    for record in wire.records(view, limit=MAX_RECORDS):
        if (record.number, record.kind) == (_TOP_METADATA, wire.LENGTH) and len(found) < MAX_ENTRIES:
            key, value = _entry(view, record)
            if key and value is not None:
                found[key] = value
    return found


def _entry(view: memoryview, record: wire.Record) -> tuple[str, str | None]:
    key, value = "", ""
    for inner in wire.records(view, record.value, record.end, limit=64):
        if inner.kind != wire.LENGTH or inner.number not in (1, 2):
            continue
        if inner.end - inner.value > (MAX_KEY if inner.number == 1 else MAX_VALUE):
            return "", None
        text = _text(view, inner)
        key, value = (text, value) if inner.number == 1 else (key, text)
    return key, value


def read_onnx(payload: bytes) -> OnnxFile:
    """The outside of an .onnx model.

    Raises:
        DamagedArtifact: the records do not hold together.
    """
    view = memoryview(payload)
    constants: set[str] = set()
    inputs: list[TensorSpec] = []
    outputs: list[TensorSpec] = []
    nodes: list[wire.Record] = []
    for record in _graph(view):
        if record.number == _NODE:
            nodes.append(record)
        elif record.number == _INITIALIZER:
            constants.update(_text(view, each) for each in _inner(view, record, 8))
        elif record.number in (_INPUT, _OUTPUT):
            (inputs if record.number == _INPUT else outputs).append(_tensor(view, record))
    return OnnxFile(
        tuple(spec for spec in inputs if spec.name not in constants),
        tuple(outputs),
        _producers(view, nodes, [spec.name for spec in outputs]),
    )


def _graph(view: memoryview) -> Iterator[wire.Record]:
    for top in wire.records(view, limit=MAX_RECORDS):
        if (top.number, top.kind) == (_TOP_GRAPH, wire.LENGTH):
            for record in wire.records(view, top.value, top.end, limit=MAX_NODES):
                if record.kind == wire.LENGTH:
                    yield record


def _producers(view: memoryview, nodes: list[wire.Record], names: list[str]) -> tuple[str, ...]:
    """From the end of the graph, where the outputs are made."""
    if len(names) > MAX_OUTPUTS:
        return ("",) * len(names)
    made: dict[str, str] = {}
    follows = {name: name for name in names}
    for record in reversed(nodes):
        if not follows:
            break
        ins, outs, operator = _node(view, record)
        for out in outs:
            for name in [each for each, now in follows.items() if now == out]:
                if operator in _KEEPS and ins:
                    follows[name] = ins[0]
                else:
                    made[name] = operator
                    del follows[name]
    return tuple(made.get(name, "") for name in names)


def _node(view: memoryview, record: wire.Record) -> tuple[list[str], list[str], str]:
    ins: list[str] = []
    outs: list[str] = []
    operator = ""
    for inner in wire.records(view, record.value, record.end, limit=MAX_RECORDS):
        if inner.kind != wire.LENGTH or inner.number not in (1, 2, 4):
            continue
        text = _text(view, inner)
        if inner.number == 4:
            operator = text
        else:
            (ins if inner.number == 1 else outs).append(text)
    return ins, outs, operator


def _tensor(view: memoryview, record: wire.Record) -> TensorSpec:
    """ValueInfoProto: name 1, type 2 -> tensor_type 1 -> elem_type 1, shape 2 -> dim 1 -> dim_value 1."""
    name = "".join(_text(view, each) for each in _inner(view, record, 1))
    dtype, shape = "?", []
    for kind in _inner(view, record, 2):
        for tensor in _inner(view, kind, 1):
            for inner in wire.records(view, tensor.value, tensor.end, limit=64):
                if inner.number == 1 and inner.kind == wire.VARINT:
                    dtype = _TYPES.get(inner.value, "?")
                elif inner.number == 2 and inner.kind == wire.LENGTH:
                    shape = [_size(view, dim) for dim in _inner(view, inner, 1)]
    return TensorSpec(name, tuple(shape), dtype)


def _size(view: memoryview, dim: wire.Record) -> int:
    found = wire.records(view, dim.value, dim.end, limit=64)
    sizes = [each.value for each in found if (each.number, each.kind) == (1, wire.VARINT)]
    return sizes[0] if sizes and 0 < sizes[0] < 1 << 31 else -1


def _inner(view: memoryview, record: wire.Record, number: int) -> list[wire.Record]:
    found = wire.records(view, record.value, record.end, limit=MAX_RECORDS)
    return [each for each in found if (each.number, each.kind) == (number, wire.LENGTH)]


def _text(view: memoryview, record: wire.Record) -> str:
    return bytes(view[record.value : record.end]).decode("utf-8", "replace")
