"""Scans are written out: one step of the body for each element along the axis that they go over."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.control.body import MAX_GRAPH, MAX_NODES, MAX_ROUNDS, Copies, stack
from edgemm.converters.passes.control.loops import within
from edgemm.converters.passes.control.placing import stands_for
from edgemm.converters.passes.control.written_out import record
from edgemm.converters.passes.rewrite import data_of, discard, nodes_of


def unroll_scans(model: ir.Model) -> int:
    """Writes out every Scan whose inputs have a known length.

    Precondition: constants are initializers, shapes are inferred. Names may be used twice afterwards.

    Returns:
        How many Scans went.
    """
    return sum(_unroll(model, node) for node in nodes_of(model, "Scan"))


def steps_of(node: ir.Node) -> int | None:
    """How many steps a Scan makes; None where the shapes of its inputs are not known."""
    count = node.attributes["num_scan_inputs"].as_int()
    value = data_of(node, len(node.inputs) - count)
    axis = _listed(node, "scan_input_axes", count)[0]
    if value.shape is None or not value.shape.is_static():
        return None
    shape = value.shape.numpy()
    return int(shape[axis % len(shape)])


def fits(model: ir.Model, node: ir.Node, steps: int) -> bool:
    """So many steps stay within the bounds."""
    size = max(sum(1 for _ in node.attributes["body"].as_graph().all_nodes()), 1) * steps
    return 0 < steps <= MAX_ROUNDS and size <= MAX_NODES and len(model.graph) + size <= MAX_GRAPH


def _listed(node: ir.Node, name: str, count: int) -> list[int]:
    given = node.attributes.get_ints(name)
    return [int(each) for each in given] if given else [0] * count


def _unroll(model: ir.Model, node: ir.Node) -> bool:
    body, count = node.attributes["body"].as_graph(), node.attributes["num_scan_inputs"].as_int()
    steps = steps_of(node)
    if steps is None or not fits(model, node, steps):
        return False
    copies, first = Copies(model, node, within(model, body)), len(node.inputs) - count
    state = [data_of(node, index) for index in range(first)]
    sources = [data_of(node, index) for index in range(first, len(node.inputs))]
    axes = _listed(node, "scan_input_axes", count)
    backwards = _listed(node, "scan_input_directions", count)
    told = []
    for step in range(steps):
        elements = []
        for source, axis, back in zip(sources, axes, backwards, strict=True):
            place = copies.constant(np.array(steps - 1 - step if back else step, np.int64), "step")
            elements.append(copies.op("Gather", [source, place], axis=axis))
        found = copies.body(body, [*state, *elements])
        state = found[:first]
        told.append(found[first:])
    outputs = len(body.outputs) - first
    out_axes = _listed(node, "scan_output_axes", outputs)
    turned = _listed(node, "scan_output_directions", outputs)
    stacked = [
        stack(copies, list(rows)[:: -1 if back else 1], axis)
        for rows, axis, back in zip(zip(*told, strict=True), out_axes, turned, strict=True)
    ]
    for index, value in enumerate((*state, *stacked)):
        stands_for(node, index, value)
    record(model, node, steps, copies.operators)
    discard(node)
    return True
