"""Small .tflite files made with LiteRT's schema alone: what a converter reads them as is held against LiteRT itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Grid = tuple[float, int]


@dataclass(slots=True)
class Given:
    """One tensor of a file."""

    shape: tuple[int, ...] = ()
    kind: str = "float32"
    content: Array | None = None
    scales: Sequence[float] = ()
    zeros: Sequence[int] = ()
    axis: int = 0
    signature: tuple[int, ...] | None = None


def constant(content: Any, kind: str = "", **more: Any) -> Given:
    """A constant."""
    array = np.asarray(content, kind or None)
    return Given(array.shape, array.dtype.name, array, **more)


@dataclass(slots=True)
class Step:
    """One operator: its code, numbers of tensors, and its options as (name of the table, fields)."""

    code: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: tuple[str, Mapping[str, Any]] | None = None
    version: int = 1
    custom: str = ""
    custom_options: bytes = b""


@dataclass(slots=True)
class Model:
    """A file of one graph."""

    tensors: list[Given]
    steps: list[Step]
    inputs: Sequence[int]
    outputs: Sequence[int]
    names: Mapping[int, str] = field(default_factory=dict)
    variables: Sequence[int] = ()
    """Tensors that keep their content from run to run."""
    begins: Mapping[str, Given] = field(default_factory=dict)
    """Shared name of a resource variable -> the constant that CALL_ONCE fills it with."""
    graphs: Sequence[Model] = ()
    """Further graphs of the file, of IF and WHILE: 1, 2 ..."""

    def payload(self) -> bytes:
        """Its bytes."""
        import flatbuffers
        from ai_edge_litert import schema_py_generated as s

        model = s.ModelT()
        model.version = 3
        model.buffers = [s.BufferT()]
        model.operatorCodes = []
        model.subgraphs = [each._graph(s, model) for each in (self, *self.graphs)]
        if self.begins:
            self._begin(s, model)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _graph(self, s: Any, model: Any) -> Any:
        graph = s.SubGraphT()
        graph.tensors, graph.operators = [], []
        graph.inputs, graph.outputs = np.asarray(self.inputs, np.int32), np.asarray(self.outputs, np.int32)
        for number, each in enumerate(self.tensors):
            graph.tensors.append(self._tensor(s, model, number, each))
        for step in self.steps:
            code = s.OperatorCodeT()
            code.builtinCode = getattr(s.BuiltinOperator, step.code)
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            code.version = step.version
            code.customCode = step.custom or None
            model.operatorCodes.append(code)
            made = s.OperatorT()
            if step.custom_options:
                made.customOptions = np.frombuffer(step.custom_options, np.uint8)
            made.opcodeIndex = len(model.operatorCodes) - 1
            made.inputs, made.outputs = np.asarray(step.inputs, np.int32), np.asarray(step.outputs, np.int32)
            if step.options is not None:
                name, fields = step.options
                made.builtinOptionsType = getattr(s.BuiltinOptions, name)
                made.builtinOptions = getattr(s, name + "T")()
                for key, value in fields.items():
                    setattr(made.builtinOptions, key, value)
            graph.operators.append(made)
        return graph

    def _begin(self, s: Any, model: Any) -> None:
        """A second graph that fills the variables, called once."""
        first = s.SubGraphT()
        first.tensors, first.operators = [], []
        first.inputs = first.outputs = np.zeros(0, np.int32)

        def add(graph: Any, code: str, inputs: Sequence[int], outputs: Sequence[int], options: Any) -> Any:
            entry, made = s.OperatorCodeT(), s.OperatorT()
            entry.builtinCode = getattr(s.BuiltinOperator, code)
            entry.deprecatedBuiltinCode, entry.version = min(entry.builtinCode, 127), 1
            model.operatorCodes.append(entry)
            made.opcodeIndex = len(model.operatorCodes) - 1
            made.inputs, made.outputs = np.asarray(inputs, np.int32), np.asarray(outputs, np.int32)
            made.builtinOptionsType = getattr(s.BuiltinOptions, type(options).__name__.removesuffix("T"))
            made.builtinOptions = options
            graph.operators.append(made)

        for name, content in self.begins.items():
            at = len(first.tensors)
            first.tensors += [
                self._tensor(s, model, -1, Given((), "resource")),
                self._tensor(s, model, -1, content),
            ]
            handle = s.VarHandleOptionsT()
            handle.container, handle.sharedName = "", name
            add(first, "VAR_HANDLE", [], [at], handle)
            add(first, "ASSIGN_VARIABLE", [at, at + 1], [], s.AssignVariableOptionsT())
        once = s.CallOnceOptionsT()
        once.initSubgraphIndex = 1
        add(model.subgraphs[0], "CALL_ONCE", [], [], once)
        model.subgraphs[0].operators.insert(0, model.subgraphs[0].operators.pop())
        model.subgraphs.append(first)

    def _tensor(self, s: Any, model: Any, number: int, given: Given) -> Any:
        made = s.TensorT()
        made.name = self.names.get(number, f"t{number}")
        made.shape = np.asarray(given.shape, np.int32)
        made.type = getattr(s.TensorType, given.kind.upper())
        made.buffer = 0
        made.hasRank = True
        made.isVariable = number in self.variables
        if given.signature is not None:
            made.shapeSignature = np.asarray(given.signature, np.int32)
        if given.content is not None:
            buffer = s.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(given.content).tobytes(), np.uint8)
            model.buffers.append(buffer)
            made.buffer = len(model.buffers) - 1
        if len(given.scales):
            made.quantization = s.QuantizationParametersT()
            made.quantization.scale = np.asarray(given.scales, np.float32)
            made.quantization.zeroPoint = np.asarray(given.zeros, np.int64)
            made.quantization.quantizedDimension = given.axis
        return made


def one(
    code: str,
    inputs: Sequence[Given],
    options: tuple[str, Mapping[str, Any]] | None = None,
    *,
    outputs: Sequence[Given] = (Given(),),
    version: int = 1,
) -> Model:
    """A file of one operator; what is no constant is an input of the file. Sizes of outputs are LiteRT's to find."""
    tensors = [*inputs, *outputs]
    ends = range(len(inputs), len(tensors))
    step = Step(code, range(len(inputs)), ends, options, version)
    fed = [number for number, each in enumerate(inputs) if each.content is None]
    return Model(tensors, [step], fed, list(ends))
