"""Resource variables of a file become inputs and outputs: what a call leaves in a variable, the next one is given.

A file with VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE and CALL_ONCE, as streaming models of Keras have them, is
rewritten as one without, before anything else reads it. It still runs in LiteRT, with the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from edgemm.card import StatePair
from edgemm.converters.importers.tflite_graph.file import (
    DAMAGE,
    KINDS,
    damaged,
    grid_of,
    operator_name,
    packed,
    text,
)
from edgemm.converters.importers.tflite_graph.pieces import copied
from edgemm.converters.tflite.builder import pack_model
from edgemm.converters.tflite.schema import enum_names
from edgemm.errors import UnsupportedOperator
from edgemm.quantize.names import unused_name

HANDLE, READ, ASSIGN, ONCE = "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"
STATELESS = "Export the model with its states as inputs and outputs"
FLOW = ("IF", "WHILE")
"""Operators that have graphs of their own."""
Key = tuple[str, str]
"""Container and shared name of a variable."""


def with_explicit_states(payload: bytes, name: str) -> tuple[bytes, tuple[StatePair, ...]]:
    """The file without variables, and what has become of them; the payload itself where it has none.

    Raises:
        DamagedArtifact: the bytes do not hold together.
        UnsupportedOperator: a variable does not begin with zeros, or is stored on two grids.
    """
    model = packed(payload, name)
    try:
        if not any(_code(model, each) in (HANDLE, ONCE) for each in model.subgraphs[0].operators or ()):
            return payload, ()
        pairs = _Rewriting(model, name).run()
    except DAMAGE as error:
        raise damaged(name, error) from error
    return pack_model(model), pairs


def _code(model: Any, operator: Any) -> str:
    return operator_name(model.operatorCodes[operator.opcodeIndex])


def _key(operator: Any) -> Key:
    return text(operator.builtinOptions.container), text(operator.builtinOptions.sharedName)


@dataclass(slots=True)
class _Rewriting:
    """The first graph of a model while its variables go."""

    model: Any
    name: str
    read: dict[Key, int] = field(default_factory=dict)
    """Variable -> the tensor that it is read as at the beginning of a call."""
    written: dict[Key, int] = field(default_factory=dict)
    """Variable -> the tensor that was assigned last."""
    same: dict[int, int] = field(default_factory=dict)
    """Tensor -> the one that it is a copy of."""
    _handles: dict[int, Key] = field(default_factory=dict)

    def run(self) -> tuple[StatePair, ...]:
        """Rewrites, in place."""
        graph = self.model.subgraphs[0]
        first = self._first_values()
        graph.operators = [each for each in graph.operators if self._kept(each)]
        graph.outputs = np.array([self.same.get(int(each), int(each)) for each in graph.outputs], np.int32)
        for number, tensor in enumerate(self._handles):
            graph.tensors[
                tensor
            ].name = f"variable_{number}"  # nothing uses it; its name is free for the state
        pairs = tuple(self._state(key) for key in self.read if self._is_state(key, first))
        if not any(_code(self.model, each) in FLOW for each in graph.operators):
            self.model.subgraphs = [graph]
        self.model.signatureDefs = None  # they do not name the new inputs
        return pairs

    def _first_values(self) -> Mapping[Key, int | None]:
        """Variable -> the buffer that CALL_ONCE fills it with; None for what it computes."""
        found: dict[Key, int | None] = {}
        for operator in self.model.subgraphs[0].operators:
            if _code(self.model, operator) != ONCE:
                continue
            graph = self.model.subgraphs[operator.builtinOptions.initSubgraphIndex]
            handles: dict[int, Key] = {}
            for each in graph.operators or ():
                code = _code(self.model, each)
                if code == HANDLE:
                    handles[int(each.outputs[0])] = _key(each)
                elif code == ASSIGN:
                    tensor = graph.tensors[each.inputs[1]]
                    known = self._real(tensor) is not None
                    found[handles[int(each.inputs[0])]] = tensor.buffer if known else None
                    if known and np.any(self._real(tensor)):
                        self._refuse(handles[int(each.inputs[0])], "begins with other values than zeros")
        return found

    def _real(self, tensor: Any) -> Any:
        """A constant as real numbers; None for what is computed."""
        data = self.model.buffers[tensor.buffer].data
        if data is None or not len(data):
            return None
        kind = KINDS[enum_names("TensorType")[tensor.type]]
        numbers = np.frombuffer(np.asarray(data, np.uint8).tobytes(), kind)
        scale, zero = grid_of(tensor)
        return numbers if not scale else (numbers.astype(np.float64) - zero[0]) * scale[0]

    def _kept(self, operator: Any) -> bool:
        """Whether an operator stays; one of variables is noted and goes."""
        code = _code(self.model, operator)
        given = operator.inputs if operator.inputs is not None else ()
        ins = [self.same.get(int(each), int(each)) for each in given]
        if code == HANDLE:
            self._handles[int(operator.outputs[0])] = _key(operator)
        elif code == READ:
            self._note_read(self._handles[ins[0]], int(operator.outputs[0]))
        elif code == ASSIGN:
            self.written[self._handles[ins[0]]] = ins[1]
        elif code != ONCE:
            operator.inputs = np.array(ins, np.int32)
        return code not in (HANDLE, READ, ASSIGN, ONCE)

    def _note_read(self, key: Key, tensor: int) -> None:
        now = self.written.get(key, self.read.get(key))
        if now is None:
            self.read[key] = tensor
            return
        self._require_samegrid_of(key, now, tensor)
        self.same[tensor] = now

    def _is_state(self, key: Key, first: Mapping[Key, int | None]) -> bool:
        """False for what is only read: a constant."""
        if first.get(key, 0) is None:
            self._refuse(key, "begins with values that are computed")
        if key in self.written:
            return True
        tensor = self.model.subgraphs[0].tensors[self.read[key]]
        if key not in first:
            self._refuse(key, "is read, and nothing writes it")
        tensor.buffer = first[key]
        return False

    def _state(self, key: Key) -> StatePair:
        """The variable as an input and an output of the graph."""
        graph = self.model.subgraphs[0]
        before, after = self.read[key], self.written[key]
        self._require_samegrid_of(key, before, after)
        taken = {text(each.name) for each in graph.tensors}
        name = unused_name(key[1] or "state", taken)
        last = unused_name(f"{name}_after", taken)
        if after in (*graph.inputs, *graph.outputs, *self.read.values()) or self._is_constant(after):
            operator, after = copied(self.model, after)
            graph.operators.append(operator)
        graph.tensors[before].name, graph.tensors[after].name = name, last
        graph.inputs = np.array([*graph.inputs, before], np.int32)
        graph.outputs = np.array([*graph.outputs, after], np.int32)
        return StatePair(last, name)

    def _is_constant(self, index: int) -> bool:
        data = self.model.buffers[self.model.subgraphs[0].tensors[index].buffer].data
        return data is not None and len(data) > 0

    def _require_samegrid_of(self, key: Key, one: int, other: int) -> None:
        tensors = self.model.subgraphs[0].tensors
        if (tensors[one].type, grid_of(tensors[one])) != (tensors[other].type, grid_of(tensors[other])):
            self._refuse(key, "is written on one grid and read on another")

    def _refuse(self, key: Key, reason: str) -> NoReturn:
        raise UnsupportedOperator(f"{self.name}: variable {key[1]!r} {reason}. {STATELESS}")
