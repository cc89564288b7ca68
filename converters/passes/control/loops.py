"""Loops with a known number of rounds are written out, one round after the other."""

from __future__ import annotations

from typing import Literal

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.control.body import MAX_GRAPH, MAX_NODES, MAX_ROUNDS, Copies, Resolve, stack
from edgemm.converters.passes.control.placing import stands_for
from edgemm.converters.passes.control.sequences import known_lists, resolve_list
from edgemm.converters.passes.control.written_out import record
from edgemm.converters.passes.folding import OF_LISTS
from edgemm.converters.passes.rewrite import Array, array_of, discard, input_of, nodes_of

Left = Literal["rounds", "condition", "size", "shape"]
"""Why a Loop stays: the number of its rounds or its condition is not known, it is too long, or no round tells the shape
of its outputs."""
_LEFT = "edgemm.left"


def unroll_loops(model: ir.Model) -> int:
    """Writes out every Loop whose number of rounds is constant, or follows from constants round by round.

    Precondition: constants are initializers. Names may be used twice afterwards, and shapes are open.

    Returns:
        How many Loops went.
    """
    return sum(_unroll(model, node) for node in nodes_of(model, "Loop"))


def known(node: ir.Node, index: int) -> Array | None:
    """The content of an input of a Loop: an empty array where it is left out, None where it is computed."""
    value = input_of(node, index)
    return np.empty(0) if value is None else array_of(value)


def _unroll(model: ir.Model, node: ir.Node) -> bool:
    node.meta[_LEFT] = _written(model, node)
    return node.meta[_LEFT] is None


def left_because(node: ir.Node) -> Left | None:
    """What stood in the way when a Loop was to be written out."""
    found: Left | None = node.meta.get(_LEFT)
    return found


def _written(model: ir.Model, node: ir.Node) -> Left | None:
    """Writes a Loop out; what stands in the way where it is left as it was."""
    rounds, going = known(node, 0), known(node, 1)
    if rounds is None:
        return "rounds"
    if going is None:
        return "condition"
    limit = int(rounds.reshape(-1)[0]) if rounds.size else None
    active = bool(going.reshape(-1)[0]) if going.size else True
    body = node.attributes["body"].as_graph()
    state = [value for value in node.inputs[2:] if value is not None]
    copies, told = Copies(model, node, within(model, body)), list[list[ir.Value]]()
    ever = copies.constant(np.array(True), "going")
    while active and (limit is None or copies.count < limit):
        if not _room(model, body, copies.count + 1):
            copies.take_back()
            return "size"
        number = copies.constant(np.array(copies.count, np.int64), "number")
        condition, *found = copies.body(body, [number, ever, *state])
        decided = array_of(condition)
        if decided is None:
            copies.take_back()
            return "condition"
        active = bool(decided.reshape(()))
        state = found[: len(state)]
        told.append(found[len(state) :])
    stacked = [stack(copies, list(rows), 0) for rows in zip(*told, strict=True)]
    if not told and len(body.outputs) > len(state) + 1:
        empty = [empty_of(copies, value) for value in body.outputs[len(state) + 1 :]]
        if None in empty:
            return "shape"
        stacked = [value for value in empty if value is not None]
    for index, value in enumerate((*state, *stacked)):
        stands_for(node, index, value)
    record(model, node, copies.count, copies.operators)
    discard(node)
    return None


def within(model: ir.Model, body: ir.Graph) -> Resolve:
    """Resolves the loops and the sequences in copies of a body: its condition may depend on them."""
    listed = any(node.op_type in OF_LISTS for node in body.all_nodes())
    lists = known_lists(model) if listed else {}

    def resolve(node: ir.Node) -> bool:
        if node.op_type == "Loop" and node.domain == "":
            return _unroll(model, node)
        return listed and resolve_list(model, node, lists)

    return resolve


def _room(model: ir.Model, body: ir.Graph, rounds: int) -> bool:
    """The loop does not grow beyond the bounds with that many rounds."""
    size = max(sum(1 for _ in body.all_nodes()), 1)
    return rounds <= MAX_ROUNDS and rounds * size <= MAX_NODES and len(model.graph) + size <= MAX_GRAPH


def empty_of(copies: Copies, value: ir.Value) -> ir.Value | None:
    """No rounds of a value whose shape is known."""
    if value.shape is None or not value.shape.is_static() or value.dtype is None:
        return None
    return copies.constant(np.zeros((0, *value.shape.numpy()), value.dtype.numpy()), "none")
