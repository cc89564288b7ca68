"""What a .tflite file holds that a card can be made from: its inputs and outputs, what makes them, its metadata.

Read without LiteRT's schema, which tflite-runtime lacks. Numbers of fields are those of TFLite's schema.fbs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgemm.foreign.flatbuffer import BadFlatbuffer, Flatbuffer, Table
from edgemm.tensors import TensorSpec

MAX_RANK = 8
MAX_TENSORS = 256
"""Inputs, or outputs, of one model."""
LAST = 4096
"""Operators at the end of the graph that may make its outputs."""
MAX_OPTIONS = 1 << 16
"""Bytes of a custom operator's options."""

_TYPES = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8", 10: "float64",
    15: "uint32", 16: "uint16",
}  # fmt: skip
"""TensorType -> numpy's name."""
_CUSTOM = 32
_OPERATORS = {14: "LOGISTIC", 25: "SOFTMAX", 50: "LOG_SOFTMAX", 56: "ARG_MAX", _CUSTOM: "CUSTOM"}
"""BuiltinOperator -> name, of those that say what an output means."""
_KEEPS = {22, 6, 114, 43, 70, 39}
"""RESHAPE, DEQUANTIZE, QUANTIZE, SQUEEZE, EXPAND_DIMS, TRANSPOSE: what numbers mean stays the same."""


@dataclass(frozen=True, slots=True)
class TfliteFile:
    """The outside of a model."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    """In a shape that is found out while the model runs, () stands for all dimensions."""
    producers: tuple[str, ...]
    """For each output the operator that computes it: SOFTMAX, LOGISTIC, LOG_SOFTMAX, ARG_MAX, the name of a custom one,
    or "" for others. Operators that only change the form of numbers are passed over."""
    places: tuple[int, ...]
    """For each output: which of that operator's outputs it is; -1 where there is none."""
    options: Mapping[str, bytes]
    """Name of a custom operator that makes outputs -> its options."""
    metadata: Mapping[str, memoryview] = field(default_factory=dict)
    """Buffers that the file names, such as TFLITE_METADATA."""


def read_tflite(payload: bytes) -> TfliteFile:
    """The outside of a .tflite model.

    Raises:
        BadFlatbuffer: the file does not hold together.
    """
    model = Flatbuffer(payload).root()
    graph = model.nth(2, 0)
    if graph is None:
        raise BadFlatbuffer("it has no graph")
    ins, outs = _places(graph, 1), _places(graph, 2)
    options: dict[str, bytes] = {}
    producers = _producers(model, graph, outs, options)
    return TfliteFile(
        tuple(_spec(graph, at) for at in ins),
        tuple(_spec(graph, at) for at in outs),
        tuple(name for name, _ in producers),
        tuple(place for _, place in producers),
        options,
        _metadata(model),
    )


_REMEMBERS = frozenset({16, 24, 27, 35, 44, 46, 52, 142, 143, 144})
"""LSTM, RNN, SVDF, sequences of RNN and LSTM in one and in both directions; and what reads and writes variables."""


def signature_names(payload: bytes) -> tuple[str, ...]:
    """Of the signatures that may be run side by side: the names of all; none where the file has less than two, or an
    operator that remembers by itself, which all of them would share.

    Raises:
        BadFlatbuffer: the file does not hold together.
    """
    model = Flatbuffer(payload).root()
    names = tuple(each.text(2) for each in model.tables(7))
    if len(names) < 2 or any(_code(each)[0] in _REMEMBERS for each in model.tables(1)):
        return ()
    return names


def _places(graph: Table, field_: int) -> list[int]:
    places = [int(at) for at in graph.numbers(field_, "i")]
    if len(places) > MAX_TENSORS:
        raise BadFlatbuffer(f"{len(places)} inputs or outputs; at most {MAX_TENSORS} are read")
    return places


def _spec(graph: Table, place: int) -> TensorSpec:
    tensor = graph.nth(0, place)
    if tensor is None:
        raise BadFlatbuffer(f"it has no tensor {place}")
    shape = tuple(int(size) for size in tensor.numbers(0, "i"))
    if len(shape) > MAX_RANK:
        raise BadFlatbuffer(f"a tensor of {len(shape)} dimensions")
    scale, zero = 0.0, 0
    grid = tensor.table(4)
    if grid is not None:
        scales, zeros = grid.numbers(2, "f"), grid.numbers(3, "q")
        if len(scales) == 1:
            scale, zero = float(scales[0]), int(zeros[0]) if zeros else 0
    return TensorSpec(tensor.text(3), shape, _TYPES.get(tensor.whole(1, "b"), "?"), scale, zero)


Operator = tuple[Table, int]
"""An operator, and which of its outputs is meant."""


def _producers(
    model: Table, graph: Table, outputs: list[int], options: dict[str, bytes]
) -> list[tuple[str, int]]:
    """Of each output: the operator that computes it, and which of that one's outputs it is."""
    codes = [_code(each) for each in model.tables(1)]
    by_output: dict[int, Operator] = {}
    for operator in reversed(graph.tables(3)[-LAST:]):
        for place, made in enumerate(operator.numbers(2, "i")):
            by_output.setdefault(int(made), (operator, place))
    return [_producer(by_output, codes, tensor, options) for tensor in outputs]


def _code(table: Table) -> tuple[int, str]:
    number = max(table.whole(0, "b"), table.whole(3, "i"))
    return number, table.text(1) if number == _CUSTOM else ""


def _producer(
    by_output: dict[int, Operator], codes: list[tuple[int, str]], tensor: int, options: dict[str, bytes]
) -> tuple[str, int]:
    for _ in range(8):
        operator, place = by_output.get(tensor, (None, -1))
        at = len(codes) if operator is None else operator.whole(0, "I")
        if operator is None or at >= len(codes):
            return "", -1
        number, custom = codes[at]
        if number not in _KEEPS:
            if custom:
                options[custom] = bytes(operator.content(5)[:MAX_OPTIONS])
            return custom or _OPERATORS.get(number, ""), place
        ins = operator.numbers(1, "i")
        tensor = int(ins[0]) if ins else -1
    return "", -1


def _metadata(model: Table) -> dict[str, memoryview]:
    found: dict[str, memoryview] = {}
    for entry in model.tables(6):
        buffer = model.nth(4, entry.whole(1, "I"))
        if buffer is not None:
            found.setdefault(entry.text(0), buffer.content(0))
    return found
