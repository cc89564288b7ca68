"""A plan as a readable table: the precision and grid of each node, and why."""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

from edgemm.quantize.constants import NARROW
from edgemm.quantize.costs import Cost
from edgemm.quantize.fusion import hosts, stored_output
from edgemm.quantize.grid import WEIGHT_STEPS, Grid
from edgemm.quantize.legality import dynamic_weights, operand, rule_of
from edgemm.quantize.plan import Plan

HEADER = ("node", "operator", "precision", "output grid", "real range", "weights")
COST = "predicted us"


def explain_plan(model: ir.Model, plan: Plan, cost: Cost | None = None) -> str:
    """Lines of text: the target, one row per node in the graph's order, then the plan's notes.

    Args:
        cost: predicted times: one more column, and their sum.
    """
    rows = [HEADER, *_rows(model, plan)]
    if cost is not None:
        rows = [_priced(row, cost) for row in rows]
    return _told(plan, rows, cost)


def _priced(row: tuple[str, ...], cost: Cost) -> tuple[str, ...]:
    """The row with the predicted time of its node behind the precision."""
    told = COST if row is HEADER else ""
    if row[2] and row is not HEADER and not row[3].startswith("(in "):
        told = f"{cost.nodes.get(row[0], 0.0):.1f}"
    return (*row[:3], told, *row[3:])


def _told(plan: Plan, rows: list[tuple[str, ...]], cost: Cost | None) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    head = f"target {plan.target.name}, scheme {plan.scheme}"
    if cost is not None:
        head += f", predicted {cost.total_us:.1f} us: {cost.changes_us:.1f} for changes to integers and back"
        head += f", {cost.partitions} pieces of the graph for XNNPACK" if cost.partitions else ""
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
