"""Control flow of a file: rounds of WHILE are written out, branches of IF taken, before anything else reads it.

What decides, counters as a rule, must follow from constants; LiteRT computes it, round by round. The file without them
still runs in LiteRT, with the same numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from edgemm.converters.importers.tflite_graph.file import (
    DAMAGE,
    KINDS,
    Array,
    damaged,
    grid_of,
    operator_name,
    packed,
    text,
)
from edgemm.converters.importers.tflite_graph.pieces import copied, run_alone
from edgemm.converters.importers.tflite_graph.shapes import tensor_shapes
from edgemm.converters.passes.control.body import MAX_GRAPH, MAX_ROUNDS
from edgemm.converters.passes.control.written_out import WrittenOut
from edgemm.converters.tflite.builder import pack_model
from edgemm.converters.tflite.schema import enum_names, schema
from edgemm.errors import UnsupportedOperator

FLOW = {"IF": ("thenSubgraphIndex", "elseSubgraphIndex"), "WHILE": ("condSubgraphIndex", "bodySubgraphIndex")}
"""Operator -> the fields of its options that number its graphs."""
SMALL_BYTES = 4096
"""What decides, and what places elements, is no larger; weights are."""
DEEPEST = 100
"""Graphs within graphs."""
LEFT = (
    "BROADCAST_TO", "CALL_ONCE", "FILL", "MULTINOMIAL", "PAD", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "TILE",
    "VAR_HANDLE",
)  # fmt: skip
"""Operators that are not the same every time, or make much of little."""
FIXED = "Fix the input that decides with --set NAME=VALUE"
REMEDIES = {
    "IF": f"{FIXED}, or export the model with the branch that is wanted alone",
    "WHILE": f"{FIXED}, or export the model with a number of rounds that is the same for all inputs (Keras: fixed time "
    "steps, unroll=True), or convert from the ONNX or torch model",
}
Scope = dict[int, int]
"""Tensor of a graph -> the tensor of the first graph that it has become."""


def without_flow(payload: bytes, name: str) -> tuple[bytes, tuple[WrittenOut, ...]]:
    """The file as one graph of plain operators, and which loops were written out; the payload where it has none.

    Args:
        payload: its inputs have fixed sizes.
        name: of the file, for messages.

    Raises:
        DamagedArtifact: the bytes do not hold together.
        UnsupportedOperator: what decides depends on the inputs, or a loop is too long.
    """
    model = packed(payload, name)
    try:
        if not any(operator_name(each) in FLOW for each in model.operatorCodes or ()):
            return payload, ()
        found = _Inlining(model, payload, name).run()
    except DAMAGE as error:
        raise damaged(name, error) from error
    return pack_model(model), found


@dataclass(slots=True)
class _Inlining:
    """The first graph of a model while its control flow goes."""

    model: Any
    payload: bytes
    name: str
    made: list[Any] = field(default_factory=list)
    """Operators of the new graph."""
    loops: list[WrittenOut] = field(default_factory=list)
    _constants: dict[tuple[int, int], int] = field(default_factory=dict)
    """(graph, tensor) -> the same constant in the first graph."""
    _reached: set[int] = field(default_factory=set)
    _depth: int = 0
    _bodies: int = 0

    def run(self) -> tuple[WrittenOut, ...]:
        """Rewrites, in place."""
        graph = self.model.subgraphs[0]
        count, taken = len(graph.tensors), {text(each.name) for each in graph.tensors}
        for number, tensor in (
            (n, each) for n, one in enumerate(self.model.subgraphs[1:], 1) for each in one.tensors
        ):
            if text(tensor.name) in taken:  # the first graph's are those that are seen from outside
                tensor.name = f"{text(tensor.name)}_of_subgraph_{number}"
        scope = {index: index for index in range(count)}
        shapes = tensor_shapes(self.payload, self.name, count)
        self._place(0, scope, dict(enumerate(shapes)))
        names = [text(graph.tensors[index].name) for index in graph.outputs]
        ends = [scope[int(index)] for index in graph.outputs]
        graph.outputs = np.array([self._end(*each, ends) for each in zip(ends, names, strict=True)], np.int32)
        graph.operators = self.made
        self.model.subgraphs = [
            each for number, each in enumerate(self.model.subgraphs) if number not in self._reached
        ]
        self.model.signatureDefs = None  # they name outputs that went
        return tuple(self.loops)

    def _end(self, index: int, name: str, ends: Sequence[int]) -> int:
        """An output, under its name; what is another one, an input or a constant as well is copied."""
        graph = self.model.subgraphs[0]
        if index in graph.inputs or ends.count(index) > 1 or self._content(index) is not None:
            operator, index = copied(self.model, index)
            self.made.append(operator)
        graph.tensors[index].name = name
        return index

    def _place(self, number: int, scope: Scope, shapes: dict[int, tuple[int, ...]]) -> None:
        """The operators of one graph, in order."""
        graph = self.model.subgraphs[number]
        operators = list(graph.operators or ())
        self._compute(number, operators, scope, shapes)
        for at, operator in enumerate(operators):
            code = self._code(operator)
            if code in FLOW:
                place = f"{code} (operator {at}{f' of subgraph {number}' if number else ''}, which makes "
                place += f"{text(graph.tensors[int(operator.outputs[0])].name)!r})"
                self._resolve(operator, number, scope, place)
                self._compute(number, operators[at + 1 :], scope, shapes)
            elif not all(self._is_new(number, int(index), scope) for index in operator.outputs):
                self._copy(operator, number, scope)

    def _is_new(self, number: int, index: int, scope: Scope) -> bool:
        """A tensor of that graph was computed already."""
        return index in scope and (number > 0 or scope[index] != index)

    def _copy(self, operator: Any, number: int, scope: Scope) -> None:
        made = copy.copy(operator)
        given = operator.inputs if operator.inputs is not None else ()
        made.inputs = np.array([self._at(number, int(index), scope) for index in given], np.int32)
        for index in operator.outputs:
            if number:
                scope[int(index)] = self._added(self.model.subgraphs[number].tensors[int(index)])
        made.outputs = np.array([scope[int(index)] for index in operator.outputs], np.int32)
        self.made.append(made)
        if len(self.made) > MAX_GRAPH:
            self._refuse("the file", f"written out, it has more than {MAX_GRAPH} operators", "WHILE")

    def _at(self, number: int, index: int, scope: Scope) -> int:
        """The tensor of the first graph that one of a graph has become."""
        if index < 0 or index in scope:
            return index if index < 0 else scope[index]
        if (number, index) not in self._constants:
            self._constants[number, index] = self._added(self.model.subgraphs[number].tensors[index])
        return self._constants[number, index]

    def _added(self, tensor: Any) -> int:
        graph = self.model.subgraphs[0]
        graph.tensors.append(copy.copy(tensor))
        return len(graph.tensors) - 1

    def _resolve(self, operator: Any, number: int, scope: Scope, place: str) -> None:
        """One IF or WHILE."""
        code = self._code(operator)
        graphs = [int(getattr(operator.builtinOptions, each)) for each in FLOW[code]]
        if not all(0 < each < len(self.model.subgraphs) for each in graphs):
            raise ValueError(f"{place} has graphs {graphs} of {len(self.model.subgraphs)}")
        self._reached.update(graphs)
        given = [self._at(number, int(index), scope) for index in operator.inputs]
        self._depth += 1
        if self._depth > min(len(self.model.subgraphs), DEEPEST):
            raise ValueError(f"{place} is part of itself, or too deep")
        found = self._branch(place, graphs, given) if code == "IF" else self._rounds(place, graphs, given)
        self._depth -= 1
        if len(found) != len(operator.outputs):
            raise ValueError(f"{place} has {len(operator.outputs)} outputs, its graph {len(found)}")
        scope.update(zip(map(int, operator.outputs), found, strict=True))

    def _branch(self, place: str, graphs: Sequence[int], given: Sequence[int]) -> list[int]:
        taken = self._content(given[0])
        if taken is None:
            self._refuse(place, "its condition depends on the inputs", "IF")
        return self._body(graphs[0] if taken.reshape(()) else graphs[1], given[1:])

    def _rounds(self, place: str, graphs: Sequence[int], state: list[int]) -> list[int]:
        first, count = len(self.made), 0
        while self._goes_on(place, graphs[0], state):
            count += 1
            if count > MAX_ROUNDS:
                self._refuse(place, f"written out, it has more than {MAX_ROUNDS} rounds", "WHILE")
            state = self._body(graphs[1], state)
        if self._depth == 1:
            self.loops.append(
                WrittenOut(place.removeprefix("WHILE ").strip("()"), "WHILE", count, len(self.made) - first)
            )
        return state

    def _goes_on(self, place: str, graph: int, state: Sequence[int]) -> bool:
        before = len(self.made)
        (going,) = self._body(graph, state)
        found = self._content(going)
        if found is None:
            self._refuse(
                place, "its condition depends on the inputs, so the number of its rounds does", "WHILE"
            )
        del self.made[before:]  # what only the condition needs
        return bool(found.reshape(()))

    def _body(self, number: int, given: Sequence[int]) -> list[int]:
        """One copy of a graph: what its outputs have become."""
        graph, tensors = self.model.subgraphs[number], self.model.subgraphs[0].tensors
        self._bodies += 1
        if self._bodies > MAX_GRAPH:
            self._refuse(
                "the file", f"written out, it has more than {MAX_GRAPH} rounds and branches", "WHILE"
            )
        scope: Scope = {}
        for index, value in zip(map(int, graph.inputs), given, strict=True):
            one, other = graph.tensors[index], tensors[value]
            if (one.type, grid_of(one)) != (other.type, grid_of(other)):
                raise UnsupportedOperator(
                    f"{self.name}: {text(one.name)!r} of subgraph {number} is not stored as {text(other.name)!r} is, "
                    "which it begins with. Convert from the float model"
                )
            scope[index] = value
        self._place(number, scope, {})
        return [self._at(number, int(index), scope) for index in graph.outputs]

    # what is known

    def _content(self, index: int) -> Array | None:
        """A small constant of the first graph as it is stored."""
        tensor = self.model.subgraphs[0].tensors[index]
        data = self.model.buffers[tensor.buffer].data
        kind = KINDS.get(enum_names("TensorType")[tensor.type])
        if data is None or not 0 < len(data) <= SMALL_BYTES or kind is None or tensor.sparsity is not None:
            return None
        return np.frombuffer(np.asarray(data, np.uint8).tobytes(), kind)

    def _compute(
        self, number: int, operators: Sequence[Any], scope: Scope, shapes: dict[int, tuple[int, ...]]
    ) -> None:
        """Constants in the place of what operators compute from small constants and shapes alone."""
        known, wanted = set[int](), list[Any]()
        for operator in operators:
            given = [int(index) for index in (operator.inputs if operator.inputs is not None else ())]
            ends, code = [int(index) for index in operator.outputs], self._code(operator)
            fresh = not all(self._is_new(number, each, scope) for each in ends)
            if not given or not fresh or code in (*FLOW, *LEFT) or not self._may_decide(number, ends):
                continue
            if code == "SHAPE" and shapes.get(given[0]):
                self._becomes(number, ends[0], np.array(shapes[given[0]], self._kind(number, ends[0])), scope)
            elif all(index < 0 or index in known or self._is_known(number, index, scope) for index in given):
                known.update(ends)
                wanted.append(operator)
        if not wanted:
            return
        found = iter(run_alone(self.model, number, wanted, lambda index: self._at(number, index, scope)))
        for operator in wanted:
            ends = [int(index) for index in operator.outputs]
            arrays = [next(found) for _ in ends]
            if all(0 < array.nbytes <= SMALL_BYTES for array in arrays):
                for index, array in zip(ends, arrays, strict=True):
                    self._becomes(number, index, array, scope)

    def _may_decide(self, number: int, ends: Sequence[int]) -> bool:
        """Whole numbers and flags, and single real ones; the rest is what the loop is for."""
        tensors = [self.model.subgraphs[number].tensors[index] for index in ends]
        kinds = [enum_names("TensorType")[tensor.type] for tensor in tensors]
        sizes = [np.prod(tensor.shape) if tensor.shape is not None else 1 for tensor in tensors]
        return all(
            kind in ("INT32", "INT64", "BOOL") or (kind == "FLOAT32" and size == 1)
            for kind, size in zip(kinds, sizes, strict=True)
        )

    def _kind(self, number: int, index: int) -> str:
        return KINDS[enum_names("TensorType")[self.model.subgraphs[number].tensors[index].type]]

    def _is_known(self, number: int, index: int, scope: Scope) -> bool:
        """A tensor of that graph is a small constant by now."""
        buffer = self.model.subgraphs[number].tensors[index].buffer
        if index not in scope and self.model.buffers[buffer].data is None:
            return False
        return self._content(self._at(number, index, scope)) is not None

    def _becomes(self, number: int, index: int, array: Array, scope: Scope) -> None:
        """A tensor of that graph is a constant from now on."""
        made = self._added(self.model.subgraphs[number].tensors[index])
        tensor, buffer = self.model.subgraphs[0].tensors[made], schema().BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        tensor.shape, tensor.shapeSignature = np.array(array.shape, np.int32), None
        tensor.buffer = len(self.model.buffers)
        self.model.buffers.append(buffer)
        scope[index] = made

    def _code(self, operator: Any) -> str:
        return operator_name(self.model.operatorCodes[operator.opcodeIndex])

    def _refuse(self, place: str, reason: str, code: str) -> NoReturn:
        raise UnsupportedOperator(f"{self.name}: {place}: {reason}. {REMEDIES[code]}")
