"""Structure of an .onnx file, read from its bytes: field numbers are those of onnx.proto."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgemm.artifact.containers import wire
from edgemm.card import io_grids
from edgemm.errors import DamagedArtifact
from edgemm.foreign.onnx_file import read_properties
from edgemm.inspection.structure import Precision, Structure
from edgemm.tensors import TensorSpec

GRAPH = 7
NODE, INITIALIZER, INPUT, OUTPUT = 1, 5, 11, 12

TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    11: "float64",
}  # fmt: skip
CONVERSIONS = frozenset({
    "Cast", "Constant", "DequantizeLinear", "DynamicQuantizeLinear", "Identity", "QuantizeLinear", "Shape",
})  # fmt: skip
INTEGER = frozenset({"ConvInteger", "MatMulInteger"})
FOLLOWS = frozenset({"Relu", "Clip"})
"""What a runtime computes inside the operator before it."""


@dataclass(slots=True)
class Node:
    """One node, by its names."""

    op_type: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Graph:
    """The main graph."""

    nodes: list[Node] = field(default_factory=list)
    constants: set[str] = field(default_factory=set)
    inputs: list[TensorSpec] = field(default_factory=list)
    outputs: list[TensorSpec] = field(default_factory=list)


def structure(payload: bytes) -> Structure:
    """Operators and tensors of the main graph.

    Raises:
        DamagedArtifact: the records do not hold together.
    """
    view = memoryview(payload)
    graph = Graph()
    for record in wire.records(view):
        if record.number == GRAPH and record.kind == wire.LENGTH:
            _read_graph(view, record, graph)
    inputs = [spec for spec in graph.inputs if spec.name not in graph.constants]
    uses = _Uses(graph)
    grids = io_grids.read(read_properties(payload).get(io_grids.KEY, ""))
    return Structure(
        tuple((node.op_type, uses.precision(node)) for node in graph.nodes),
        tuple(io_grids.quantized(spec, grids) for spec in inputs),
        tuple(io_grids.quantized(spec, grids) for spec in graph.outputs),
    )


def _read_graph(view: memoryview, graph_record: wire.Record, graph: Graph) -> None:
    for record in wire.records(view, graph_record.value, graph_record.end):
        if record.kind != wire.LENGTH:
            continue
        if record.number == NODE:
            graph.nodes.append(_node(view, record))
        elif record.number == INITIALIZER:
            graph.constants.update(_texts(view, record, 8))
        elif record.number in (INPUT, OUTPUT):
            specs = graph.inputs if record.number == INPUT else graph.outputs
            specs.append(_tensor(view, record))


def _node(view: memoryview, record: wire.Record) -> Node:
    node = Node()
    for inner in wire.records(view, record.value, record.end):
        if inner.kind != wire.LENGTH or inner.number not in (1, 2, 4):
            continue
        text = _text(view, inner)
        if inner.number == 4:
            node.op_type = text
        else:
            (node.inputs if inner.number == 1 else node.outputs).append(text)
    return node


def _text(view: memoryview, record: wire.Record) -> str:
    try:
        return bytes(view[record.value : record.end]).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DamagedArtifact(f"a name in the .onnx file is no text ({error.reason})") from error


def _texts(view: memoryview, record: wire.Record, number: int) -> list[str]:
    return [_text(view, inner) for inner in _inner(view, record, number)]


def _inner(view: memoryview, record: wire.Record, number: int) -> list[wire.Record]:
    """The nested messages or texts of one field."""
    found = wire.records(view, record.value, record.end)
    return [inner for inner in found if inner.number == number and inner.kind == wire.LENGTH]


def _tensor(view: memoryview, record: wire.Record) -> TensorSpec:
    """ValueInfoProto: name 1, type 2 -> tensor_type 1 -> elem_type 1, shape 2 -> dim 1 -> dim_value 1."""
    name = "".join(_texts(view, record, 1))
    dtype, shape = "?", []
    for kind in _inner(view, record, 2):
        for tensor in _inner(view, kind, 1):
            for inner in wire.records(view, tensor.value, tensor.end):
                if inner.number == 1 and inner.kind == wire.VARINT:
                    dtype = TYPES.get(inner.value, "?")
                elif inner.number == 2 and inner.kind == wire.LENGTH:
                    shape = [_size(view, dim) for dim in _inner(view, inner, 1)]
    return TensorSpec(name, tuple(shape), dtype)


def _size(view: memoryview, dim: wire.Record) -> int:
    sizes = [
        r.value for r in wire.records(view, dim.value, dim.end) if r.number == 1 and r.kind == wire.VARINT
    ]
    return sizes[0] if sizes and sizes[0] < 1 << 31 else -1


class _Uses:
    """Who makes and who reads each value: what a node's precision follows from."""

    def __init__(self, graph: Graph) -> None:
        self._constants = graph.constants
        self._maker = {name: node for node in graph.nodes for name in node.outputs}
        self._readers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for name in node.inputs:
                self._readers.setdefault(name, []).append(node)

    def precision(self, node: Node) -> Precision:
        """int8 where integers are made real just before it and real numbers integer just after it."""
        if node.op_type in CONVERSIONS:
            return "other"
        if node.op_type.startswith("QLinear"):
            return "int8"
        if node.op_type in INTEGER:
            return "dynamic"
        computed = [name for name in node.inputs if name and not self._is_constant(name)]
        if computed and all(self._was_integer(name) for name in computed) and self._becomes_integer(node):
            return "int8"
        stored = any(self._is_weight(name) for name in node.inputs)
        return "dynamic" if stored else "float"

    def _is_weight(self, name: str) -> bool:
        maker = self._maker.get(name)
        return (
            maker is not None and maker.op_type == "DequantizeLinear" and maker.inputs[0] in self._constants
        )

    def _is_constant(self, name: str) -> bool:
        return name in self._constants or self._is_weight(name)

    def _was_integer(self, name: str) -> bool:
        maker = self._maker.get(name)
        if maker is None:
            return False
        return maker.op_type == "DequantizeLinear" or (
            len(self._readers.get(name, ())) == 1
            and self._readers[name][0].op_type in FOLLOWS
            and any(self._was_integer(each) for each in maker.inputs if not self._is_constant(each))
        )

    def _becomes_integer(self, node: Node) -> bool:
        for name in node.outputs:
            readers = self._readers.get(name, [])
            if len(readers) == 1 and readers[0].op_type in FOLLOWS:
                readers = [each for out in readers[0].outputs for each in self._readers.get(out, [])]
            if not readers or any(each.op_type != "QuantizeLinear" for each in readers):
                return False
        return True
