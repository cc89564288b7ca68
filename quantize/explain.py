"""A plan as a readable table: the precision and grid of each node, and why."""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

from edgemm.quantize.constants import NARROW
from edgemm.quantize.fusion import hosts, stored_output
from edgemm.quantize.grid import WEIGHT_STEPS, Grid
from edgemm.quantize.legality import dynamic_weights, operand, rule_of
from edgemm.quantize.plan import Plan

HEADER = ("node", "operator", "precision", "output grid", "real range", "weights")


def explain_plan(model: ir.Model, plan: Plan) -> str:
    """Lines of text: the target, one row per node in the graph's order, then the plan's notes."""
    rows = [HEADER, *_rows(model, plan)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    head = f"target {plan.target.name}, scheme {plan.scheme}"
    return "\n".join([head, *(line.rstrip() for line in lines), *(f"- {note}" for note in plan.notes)])


def _rows(model: ir.Model, plan: Plan) -> Iterator[tuple[str, ...]]:
    inside = hosts(model)
    for value in model.graph.inputs:
        yield (str(value.name), "(input)", "", *_grid(plan.activations.get(str(value.name))), "")
    for node in model.graph:
        name = str(node.name)
        precision = plan.precision.get(name)
        word = "float" if precision is None else precision.value
        if name in inside:
            yield name, node.op_type, word, f"(in {inside[name].name})", "", ""
            continue
        grid = plan.activations.get(str(stored_output(node).name))
        yield (name, node.op_type, word, *_grid(grid), _weights(node, plan))


def _grid(grid: Grid | None) -> tuple[str, str]:
    """Scale and zero point, and the real numbers that they reach."""
    if grid is None:
        return "", ""
    low, high = (-128 - grid.zero_point) * grid.scalar, (127 - grid.zero_point) * grid.scalar
    return f"{grid.scalar:.6g}, {grid.zero_point}", f"{low:.4g}..{high:.4g}"


def _weights(node: ir.Node, plan: Plan) -> str:
    packed = plan.is_packed(str(node.name))
    index = next(iter(dynamic_weights(node)), None) if packed else rule_of(node).weight
    value = operand(node, index)
    grid = plan.weights.get((str(node.name), index)) if index is not None else None
    if grid is None or value is None:
        return ""
    shape = "x".join(str(size) for size in value.shape or ())
    bits = "int8" if grid.steps == WEIGHT_STEPS else NARROW
    return f"{bits} {shape}, {'one scale' if grid.axis is None else f'{grid.scale.size} scales'}"
