"""LSTM, GRU and RNN: one product for the inputs of all time steps, then a loop with explicit state.

TFLite's own fused operators keep their state from one inference to the next, so they are never written. A short
sequence is unrolled: the loop then costs more than it saves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.graph import Graph, Tensor
from edgemm.converters.tflite.lower.cells import (
    Array,
    Cell,
    Step,
    dense_form,
    dense_weights,
    functions_of,
    part_of,
)
from edgemm.converters.tflite.lowering import Lowering, Perm
from edgemm.quantize.grid import Grid

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
UNROLLED = 4
"""Time steps, at most, that are written one after the other."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What a node says."""

    node: ir.Node
    steps: int
    batch: int
    hidden: int
    directions: tuple[str, ...]
    """"forward", "reverse" or both."""
    functions: tuple[tuple[str, ...], ...]
    """By direction."""
    batch_first: bool
    linear_before_reset: bool
    lengths: npt.NDArray[np.int32] | None
    """int32[batch], where some are shorter than the sequence."""


def lower_recurrent(ctx: Lowering, node: ir.Node) -> None:
    """LSTM, GRU and RNN in every direction, with peepholes, initial states and constant lengths."""
    layer = _read(ctx, node)
    perm: Perm = (1, 0, 2) if layer.batch_first else (0, 1, 2)
    source = ctx.get(node, 0, perm)
    flat = ctx.reshape(source, (layer.steps * layer.batch, source.shape[2]))
    results = [
        _direction(ctx, layer, flat, number, backwards=name == "reverse")
        for number, name in enumerate(layer.directions)
    ]
    for index in range(len(node.outputs)):
        if _wanted(node, index):
            _output(ctx, layer, index, [each[index] for each in results])


def _wanted(node: ir.Node, index: int) -> bool:
    if index >= len(node.outputs):
        return False
    value = node.outputs[index]
    return bool(value.uses()) or value.is_graph_output()


def _read(ctx: Lowering, node: ir.Node) -> Layer:
    attributes = Attributes(node)
    direction = attributes.text("direction", "forward")
    both = ("forward", "reverse")
    directions = both if direction == "bidirectional" else (direction,)
    given = attributes.texts("activations")
    attributes.numbers("activation_alpha")  # none of the functions that are written takes one
    attributes.numbers("activation_beta")
    clip = attributes.number("clip", 0.0)
    hidden = attributes.integer("hidden_size", 0)
    batch_first = attributes.integer("layout", 0) == 1
    before_reset = attributes.integer("linear_before_reset", 0) == 1
    coupled = attributes.integer("input_forget", 0)
    attributes.done()
    if clip or coupled:
        refuse(node, "clip or input_forget", "Export the model without it, or convert to .onnx")
    shape = ctx.shape(ctx.value(node))
    steps, batch = (shape[1], shape[0]) if batch_first else shape[:2]
    each = len(given) // len(directions)
    functions = tuple(
        functions_of(node, tuple(given[index * each : (index + 1) * each]))
        for index in range(len(directions))
    )
    lengths = _lengths(ctx, node, steps)
    if lengths is not None and "reverse" in directions:
        refuse(
            node,
            "sequences of unlike lengths, read backwards",
            "Give sequences of one length, or convert to .onnx",
        )
    size = hidden or ctx.shape(ctx.value(node, 2))[-1]
    return Layer(node, steps, batch, size, directions, functions, batch_first, before_reset, lengths)


def _lengths(ctx: Lowering, node: ir.Node, steps: int) -> npt.NDArray[np.int32] | None:
    value = node.inputs[4] if len(node.inputs) > 4 else None
    if value is None:
        return None
    known = ctx.constant_of(value)
    if known is None:
        refuse(
            node,
            "computed sequence lengths",
            "Give sequences of one length, without sequence_lens, or convert to .onnx",
        )
    if (known == steps).all():
        return None
    return known.astype(np.int32)


def _direction(
    ctx: Lowering, layer: Layer, flat: Tensor, number: int, *, backwards: bool
) -> tuple[Tensor | None, ...]:
    """(all hidden states [steps, batch, hidden] or None, last h, last c) of one direction."""
    cell, projection = _cell(ctx, layer, number)
    name = str(layer.node.name)
    weights = dense_weights(ctx, f"{name}_projection{number}", projection.weights, projection.grid)
    inputs = [flat, weights, ctx.graph.constant(f"{name}_bias{number}", projection.bias)]
    width = len(projection.weights)
    product = ctx.graph.tensor(f"{name}_projected{number}", (flat.shape[0], width), "float32")
    ctx.op("FULLY_CONNECTED", inputs, [product], {}, dense_form(projection.grid))
    projected = ctx.reshape(product, (layer.steps, layer.batch, width))
    state = tuple(_initial(ctx, layer, index, number) for index in ((5, 6) if cell.kind == "LSTM" else (5,)))
    if layer.steps <= UNROLLED:
        states, last = _unrolled(ctx, layer, cell, projected, state, backwards=backwards)
    else:
        states, last = _looped(ctx, layer, cell, projected, state, backwards=backwards)
    return (states, *last)


@dataclass(frozen=True, slots=True, eq=False)
class _Projection:
    """The input's share of the gates."""

    weights: Array
    bias: Array
    grid: Grid | None


def _cell(ctx: Lowering, layer: Layer, number: int) -> tuple[Cell, _Projection]:
    node, size = layer.node, layer.hidden
    rows = GATES[node.op_type] * size
    arrays = [
        ctx.constant_of(node.inputs[index]) if len(node.inputs) > index else None for index in (1, 2, 3, 7)
    ]
    absent = any(len(node.inputs) > i and node.inputs[i] is not None and a is None
                 for i, a in zip((1, 2, 3, 7), arrays, strict=True))  # fmt: skip
    if absent or arrays[0] is None or arrays[1] is None:
        refuse(node, "computed weights", "Export the model with constant weights")
    both = np.zeros(2 * rows, np.float32) if arrays[2] is None else arrays[2][number]
    outer, inner = both[:rows], both[rows:].copy()
    held = np.zeros_like(inner)
    if layer.linear_before_reset and node.op_type == "GRU":
        held[2 * size :] = inner[2 * size :]  # reset by the gate, and so added inside
    grids = [
        part_of(_row_grid(ctx.weight_grid(node, index)), slice(None)) if ctx.is_dynamic(node) else None
        for index in (1, 2)
    ]
    peepholes = None if arrays[3] is None else arrays[3][number].reshape(3, size)
    cell = Cell(
        node,
        node.op_type,
        size,
        arrays[1][number],
        grids[1],
        held,
        layer.functions[number],
        peepholes,
        layer.linear_before_reset,
    )
    return cell, _Projection(arrays[0][number], outer + inner - held, grids[0])


def _row_grid(grid: Grid) -> Grid:
    """The plan's grid runs along dimension 1 of [directions, rows, columns]; one direction's along 0."""
    return grid if grid.axis is None else replace(grid, axis=0)


def _initial(ctx: Lowering, layer: Layer, index: int, number: int) -> Tensor:
    """float32[batch, hidden]: the state before the first step."""
    node, shape = layer.node, (layer.batch, layer.hidden)
    value = node.inputs[index] if len(node.inputs) > index else None
    known = ctx.constant_of(value)
    if value is None or known is not None:
        array: npt.NDArray[Any] = np.zeros(shape, np.float32)
        if known is not None:
            array = known[:, number] if layer.batch_first else known[number]
        return ctx.graph.constant(f"{node.name}_initial{number}", array)
    count = len(layer.directions)
    given = ctx.get(node, index, (1, 0, 2) if layer.batch_first else (0, 1, 2))
    if count == 1:
        return ctx.reshape(given, shape)
    picked = ctx.graph.tensor(f"{value.name}_of{number}", shape, "float32")
    which = ctx.graph.constant(f"{value.name}_number{number}", np.array(number, np.int32))
    ctx.op("GATHER", [given, which], [picked], {"axis": 0})
    return picked


def _unrolled(
    ctx: Lowering,
    layer: Layer,
    cell: Cell,
    projected: Tensor,
    state: tuple[Tensor, ...],
    *,
    backwards: bool,
) -> tuple[Tensor | None, tuple[Tensor, ...]]:
    """One step after the other."""
    hidden: dict[int, Tensor] = {}
    for place in range(layer.steps)[:: -1 if backwards else 1]:
        which = ctx.graph.constant(f"{projected.name}_at{place}", np.array(place, np.int32))
        now = ctx.graph.tensor(f"{projected.name}_step{place}", projected.shape[1:], "float32")
        ctx.op("GATHER", [projected, which], [now], {"axis": 0})
        fresh = Step(ctx, cell)(now, state)
        active = None
        if layer.lengths is not None:
            going = (place < layer.lengths)[:, None]
            active = ctx.graph.constant(f"{projected.name}_active{place}", going)
        state, hidden[place] = _masked(ctx, active, fresh, state)
    if not _wanted(layer.node, 0):
        return None, state
    shape = (1, layer.batch, layer.hidden)
    rows = [ctx.reshape(hidden[place], shape) for place in sorted(hidden)]
    whole = ctx.graph.tensor(f"{layer.node.name}_states", (layer.steps, *shape[1:]), "float32")
    ctx.op("CONCATENATION", rows, [whole], {"axis": 0})
    return whole, state


def _masked(
    ctx: Lowering, active: Tensor | None, fresh: tuple[Tensor, ...], state: tuple[Tensor, ...]
) -> tuple[tuple[Tensor, ...], Tensor]:
    """The state, which stays where a sequence has ended, and what is told of it, which is 0 there."""
    if active is None:
        return fresh, fresh[0]
    zero = ctx.graph.constant(f"{fresh[0].name}_zero", np.zeros((1, 1), np.float32))
    kept = []
    for new, old in (*zip(fresh, state, strict=True), (fresh[0], zero)):
        made = ctx.graph.tensor(f"{new.name}_kept", new.shape, "float32")
        ctx.op("SELECT_V2", [active, new, old], [made])
        kept.append(made)
    return tuple(kept[:-1]), kept[-1]


def _looped(
    ctx: Lowering,
    layer: Layer,
    cell: Cell,
    projected: Tensor,
    state: tuple[Tensor, ...],
    *,
    backwards: bool,
) -> tuple[Tensor | None, tuple[Tensor, ...]]:
    """A WHILE: its state are the number of the step, the cell's state, the projected inputs, and what is told."""
    name = str(layer.node.name)
    told = _wanted(layer.node, 0)
    ins = [ctx.graph.constant(f"{name}_first", np.zeros((), np.int32)), *state, projected]
    if told:
        ins.append(_room(ctx, f"{name}_none", (layer.steps, layer.batch, layer.hidden)))
    condition, body = Graph(), Graph()
    with ctx.inside(condition) as graph:
        graph.inputs.extend(_like(graph, ins))
        limit = graph.constant("steps", np.array(layer.steps, np.int32))
        going = graph.tensor("going", (), "bool")
        ctx.op("LESS", [graph.inputs[0], limit], [going])
        graph.outputs.append(going)
    with ctx.inside(body) as graph:
        graph.inputs.extend(_like(graph, ins))
        graph.outputs.extend(_body(ctx, layer, cell, graph, len(state), told=told, backwards=backwards))
    outs = [ctx.graph.tensor(f"{name}_{each.name}_end", each.shape, each.dtype) for each in ins]
    first = len(ctx.graph.subgraphs) + 1
    ctx.graph.subgraphs += [condition, body]
    ctx.op("WHILE", ins, outs, {"condSubgraphIndex": first, "bodySubgraphIndex": first + 1})
    return (outs[-1] if told else None), tuple(outs[1 : 1 + len(state)])


def _room(ctx: Lowering, name: str, shape: tuple[int, ...]) -> Tensor:
    """Zeros that are made while running: as a constant they would be as large as all states in float."""
    sizes = ctx.graph.constant(f"{name}_shape", np.array(shape, np.int32))
    zero = ctx.graph.constant(f"{name}_zero", np.zeros((), np.float32))
    room = ctx.graph.tensor(name, shape, "float32")
    ctx.op("FILL", [sizes, zero], [room])
    return room


def _like(graph: Graph, tensors: list[Tensor]) -> list[Tensor]:
    return [graph.tensor(f"in{index}", each.shape, each.dtype) for index, each in enumerate(tensors)]


def _body(
    ctx: Lowering, layer: Layer, cell: Cell, graph: Graph, count: int, *, told: bool, backwards: bool
) -> list[Tensor]:
    """One round of the loop."""
    number, state, projected = graph.inputs[0], tuple(graph.inputs[1 : 1 + count]), graph.inputs[1 + count]
    place = number
    if backwards:
        place = graph.tensor("place", (), "int32")
        last = graph.constant("last", np.array(layer.steps - 1, np.int32))
        ctx.op("SUB", [last, number], [place])
    now = graph.tensor("now", projected.shape[1:], "float32")
    ctx.op("GATHER", [projected, place], [now], {"axis": 0})
    fresh = Step(ctx, cell)(now, state)
    active = None
    if layer.lengths is not None:
        ends = graph.constant("lengths", layer.lengths[:, None])
        active = graph.tensor("active", ends.shape, "bool")
        ctx.op("LESS", [number, ends], [active])
    state, shown = _masked(ctx, active, fresh, state)
    following = graph.tensor("following", (), "int32")
    ctx.op("ADD", [number, graph.constant("one", np.array(1, np.int32))], [following])
    found = [following, *state, projected]
    if told:
        found.append(_written(ctx, graph, shown, place))
    return found


def _written(ctx: Lowering, graph: Graph, shown: Tensor, place: Tensor) -> Tensor:
    """All states so far, the newest in its place."""
    before = graph.inputs[-1]
    row = ctx.reshape(shown, (1, *shown.shape))
    at = ctx.reshape(place, (1,))
    zeros = graph.constant("zeros", np.zeros(2, np.int32))
    start = graph.tensor("start", (3,), "int32")
    ctx.op("CONCATENATION", [at, zeros], [start], {"axis": 0})
    after = graph.tensor("states", before.shape, "float32")
    ctx.op("DYNAMIC_UPDATE_SLICE", [before, row, start], [after])
    return after


def _output(ctx: Lowering, layer: Layer, index: int, parts: list[Tensor | None]) -> None:
    """Y, Y_h or Y_c of all directions, as ONNX lays them out."""
    found = [part for part in parts if part is not None]
    value = layer.node.outputs[index]
    split: tuple[int, ...]
    perm: Perm
    if index == 0:
        split = (layer.steps, 1, layer.batch, layer.hidden)
        axis, perm = 1, (1, 2, 0, 3) if layer.batch_first else (0, 1, 2, 3)
    else:
        split = (1, layer.batch, layer.hidden)
        axis, perm = 0, (1, 0, 2) if layer.batch_first else (0, 1, 2)
    rows = [ctx.reshape(part, split) for part in found]
    whole = rows[0]
    if len(rows) > 1:
        shape = tuple(size * (len(rows) if at == axis else 1) for at, size in enumerate(split))
        whole = ctx.graph.tensor(f"{value.name}_both", shape, "float32")
        ctx.op("CONCATENATION", rows, [whole], {"axis": axis})
    ctx.put(value, whole, perm)
