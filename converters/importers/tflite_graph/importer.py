"""`import_tflite`: a .tflite file as an ONNX graph, and the file itself with fixed sizes, to be compared with."""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.card import StatePair
from edgemm.converters.importers.cut import MADE_BY
from edgemm.converters.importers.input_shapes import fix_input_shapes, mark_batch
from edgemm.converters.importers.outputs import separate_outputs
from edgemm.converters.importers.tflite_graph.constants import with_constants
from edgemm.converters.importers.tflite_graph.file import Model, packed, read_model
from edgemm.converters.importers.tflite_graph.flow import without_flow
from edgemm.converters.importers.tflite_graph.shapes import checked, tensor_shapes
from edgemm.converters.importers.tflite_graph.sketch import Sketch
from edgemm.converters.importers.tflite_graph.table import COMPLEX, OPERATORS, REMEDIES, REMEDY
from edgemm.converters.importers.tflite_graph.variables import with_explicit_states
from edgemm.converters.passes.control.written_out import WrittenOut
from edgemm.converters.passes.shapes import infer_shapes
from edgemm.converters.tflite.builder import pack_model
from edgemm.converters.tflite.writer import FROM_TFLITE
from edgemm.converters.written import Port, Written
from edgemm.errors import ConversionError, EdgemmError, UnsupportedOperator
from edgemm.tensors import TensorSpec

OPSET = 17
SHOWN = 12
"""Operators in a message."""
STREAMS = (
    "variables of the source are inputs and outputs of the file, and states of its card: {}. With --stepwise, data are "
    "whole sequences"
)
PORTS = ("float32", "int32", "int64", "bool", "int8", "uint8")
"""Types that inputs and outputs may have."""


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """A .tflite file, read."""

    model: ir.Model
    """What it computes, on real numbers; grids of 8 bits as QuantizeLinear and DequantizeLinear."""
    file: Written
    """The file with fixed sizes, which answers in LiteRT."""
    rounds: bool
    """It computes with integers, some of which the graph may show as real numbers."""
    float_operators: tuple[str, ...] = ()
    """Of a file that computes with integers: operators that it computes in float, as their nodes' names begin."""
    notes: tuple[str, ...] = ()
    given: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    """Inputs of the file that are constants of the graph: name -> real numbers."""
    states: tuple[StatePair, ...] = ()
    """Inputs and outputs that were variables of the file."""
    written_out: tuple[WrittenOut, ...] = ()
    """Loops of the file, which the graph has not."""


def import_tflite(
    payload: bytes,
    name: str,
    shapes: Mapping[str, Sequence[int]] | None = None,
    constants: Mapping[str, float] | None = None,
    *,
    named: bool = False,
    time_axis: int | None = None,
) -> Imported:
    """Draws the first graph of a .tflite file.

    A batch dimension that the file leaves open becomes 1.

    Args:
        payload: the bytes of the file.
        name: of the file, for messages.
        shapes: input name -> its whole shape, where the file leaves other dimensions open.
        constants: input name -> the number that all its elements have; what the file's inputs lack is passed over.
        named: each tensor that is computed is a value of the graph by its own name, in its own layout.
        time_axis: the dimension of the inputs that is time, of a model that is to run step by step.

    Raises:
        DamagedArtifact: not a model, or damaged.
        InputError: a dimension is open that `shapes` does not give.
        UnsupportedOperator: an operator that cannot be expressed; all of them are named.
    """
    checked(payload, name)
    payload, states = with_explicit_states(payload, name)
    model = read_model(payload, name)
    _require_ports(model, name)
    payload, opened = _with_sizes(payload, name, model, shapes or {}, time_axis)
    known = {key: number for key, number in (constants or {}).items() if key in _names(model, model.inputs)}
    baked = with_constants(payload, name, known) if known else payload
    baked, loops = without_flow(baked, name)
    drawn = model if baked is payload else read_model(baked, name)
    _require_operators(drawn, name)
    sizes = tensor_shapes(baked, name, len(drawn.tensors))
    graph = _drawn(drawn, sizes, name, named=named, loops=bool(loops))
    left = [each for each in _names(model, model.inputs) if each not in known]
    drawn_inputs = dict(zip(left, graph.graph.inputs, strict=True))
    mark_batch(graph, [drawn_inputs[each] for each in opened if each in drawn_inputs], time_axis)
    notes: tuple[str, ...] = ()
    if drawn.graphs > 1:
        notes = (f"the file has {drawn.graphs} subgraphs: the first is converted",)
    if states:
        notes += (STREAMS.format(", ".join(pair.input for pair in states)),)
    rounds = any(tensor.on_grid for tensor in drawn.tensors)
    shapes_out = [sizes[index] for index in drawn.outputs]
    file = _ports(payload, model, [sizes[index] for index in model.inputs], shapes_out, graph, known)
    given = {
        port.name: port.restore(port.store(np.full(port.spec.shape, known[port.name])))
        for port in file.inputs
        if port.name in known
    }
    return Imported(graph, file, rounds, _float_operators(drawn), notes, given, states, loops)


def _names(model: Model, indexes: Sequence[int]) -> list[str]:
    return [model.tensors[index].name for index in indexes]


def _float_operators(model: Model) -> tuple[str, ...]:
    """Operators between float tensors alone, where others compute on grids: whoever made the file left them so."""
    made = {index for operator in model.operators for index in operator.outputs}
    if not any(model.tensors[index].on_grid for index in made):
        return ()
    found = []
    for number, operator in enumerate(model.operators):
        seen = [
            *operator.outputs,
            *(index for index in operator.inputs if index in made or index in model.inputs),
        ]
        if not any(model.tensors[index].on_grid for index in seen):
            found.append(f"{operator.code}_{number}_")
    return tuple(found)


def _require_operators(model: Model, name: str) -> None:
    missing: dict[str, str] = {}
    for number, each in enumerate(model.operators):
        if each.code not in OPERATORS:
            missing.setdefault(each.code, _place(model, number))
    if missing:
        listed = ", ".join(list(missing.values())[:SHOWN])
        first = next((REMEDIES[code] for code in missing if code in REMEDIES), REMEDY)
        raise UnsupportedOperator(f"{name}: no form for {listed}. {first}")


def _require_ports(model: Model, name: str) -> None:
    for tensor in (model.tensors[index] for index in (*model.inputs, *model.outputs)):
        if tensor.kind not in PORTS and not tensor.on_grid:
            raise UnsupportedOperator(
                f"{name}: {tensor.name!r} is {tensor.kind}, expected one of {', '.join(PORTS)}. "
                "Export the model with one of these types"
            )


def _place(model: Model, number: int) -> str:
    """An operator by its number, and by what it computes."""
    operator = model.operators[number]
    made = next((model.tensors[index].name for index in operator.outputs if index >= 0), "")
    return f"{operator.code} (operator {number}{f', which makes {made!r}' if made else ''})"


def _with_sizes(
    payload: bytes, name: str, model: Model, shapes: Mapping[str, Sequence[int]], time_axis: int | None
) -> tuple[bytes, tuple[str, ...]]:
    """The file with fixed sizes of its inputs; those whose open first dimension became 1.

    Raises:
        InputError: they are open, or given otherwise than the file has them.
    """
    values = [
        ir.Value(
            name=model.tensors[index].name,
            shape=ir.Shape([size if size > 0 else None for size in _declared(model, index)]),
            type=ir.TensorType(ir.DataType.FLOAT),
        )
        for index in model.inputs
    ]
    bare = ir.Model(ir.Graph(values, [], nodes=[], name="inputs"), ir_version=8)
    opened = fix_input_shapes(bare, shapes, time_axis=time_axis)
    wanted = {index: tuple(value.shape.numpy()) for index, value in zip(model.inputs, values, strict=True)}  # type: ignore[union-attr]
    if all(model.tensors[index].shape == sizes for index, sizes in wanted.items()):
        return payload, opened
    found = packed(payload, name)
    for index, sizes in wanted.items():
        found.subgraphs[0].tensors[index].shape = np.array(sizes, np.int32)
    return pack_model(found), opened


def _declared(model: Model, index: int) -> tuple[int, ...]:
    tensor = model.tensors[index]
    return tensor.signature if len(tensor.signature) == len(tensor.shape) else tensor.shape


def _drawn(
    model: Model, sizes: Sequence[tuple[int, ...]], name: str, *, named: bool, loops: bool
) -> ir.Model:
    sketch = Sketch(model, sizes, named=named, loops=loops)
    inputs = [
        sketch.add_input(index, "float32" if model.tensors[index].on_grid else model.tensors[index].kind)
        for index in model.inputs
    ]
    for number, operator in enumerate(model.operators):
        sketch.begin(number, operator)
        complex_ = COMPLEX.get(operator.code)
        draw = complex_ if complex_ and operator.inputs[0] in sketch.complex else OPERATORS[operator.code]
        try:
            draw(sketch, operator)
        except EdgemmError:
            raise
        except (IndexError, ValueError, TypeError, KeyError, ZeroDivisionError, struct.error) as error:
            raise ConversionError(
                f"{name}: operator {sketch.at} contradicts itself ({error}). Export the model again"
            ) from error
    outputs = [sketch.output(index) for index in model.outputs]
    graph = ir.Graph(
        inputs,
        outputs,
        nodes=sketch.nodes,
        initializers=sketch.initializers,
        opset_imports={"": OPSET},
        name=name,
    )
    graph.meta[MADE_BY] = sketch.operators
    made = ir.Model(graph, ir_version=8, producer_name=FROM_TFLITE)
    separate_outputs(made)
    infer_shapes(made)
    return made


def _ports(
    payload: bytes,
    model: Model,
    ins_shapes: Sequence[tuple[int, ...]],
    outs_shapes: Sequence[tuple[int, ...]],
    graph: ir.Model,
    known: Collection[str],
) -> Written:
    """The file, by the names that the graph has; inputs that are constants there have their own."""

    def ports(
        indexes: Sequence[int], names: Sequence[str], shapes: Sequence[tuple[int, ...]]
    ) -> tuple[Port, ...]:
        return tuple(
            Port(each, _spec(model, index, shape))
            for index, each, shape in zip(indexes, names, shapes, strict=True)
        )

    left = iter([str(value.name) for value in graph.graph.inputs])
    ins = [each if each in known else next(left) for each in _names(model, model.inputs)]
    outs = [str(value.name) for value in graph.graph.outputs]
    return Written(
        "tflite", payload, ports(model.inputs, ins, ins_shapes), ports(model.outputs, outs, outs_shapes)
    )


def _spec(model: Model, index: int, shape: tuple[int, ...]) -> TensorSpec:
    tensor = model.tensors[index]
    if not tensor.on_grid:
        return TensorSpec(tensor.name, shape, tensor.kind)
    zero = int(tensor.zero_point.reshape(-1)[0])
    return TensorSpec(tensor.name, shape, tensor.kind, float(tensor.scale[0]), zero)
