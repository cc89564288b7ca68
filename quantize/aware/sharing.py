"""Which values are on one grid, and which of these grids training may move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import onnx_ir as ir

from edgemm.errors import ConversionError
from edgemm.quantize.declared import declared
from edgemm.quantize.fusion import stored_outputs
from edgemm.quantize.grid import Grid
from edgemm.quantize.legality import (
    Form,
    activation_inputs,
    around_zero,
    constant_inputs,
    may_differ,
    rule_of,
)
from edgemm.quantize.plan import Plan


@dataclass(frozen=True, slots=True, eq=False)
class SharedGrid:
    """One grid, and the values on it."""

    values: tuple[str, ...]
    grid: Grid
    """As the plan has it."""
    fixed: bool
    """Prescribed by an operator, by a quantized source, or by a constant that has to fit: it stays as it is."""
    even: bool = False
    """Its zero point stays 0."""


def shared_grids(model: ir.Model, plan: Plan, pairs: Iterable[tuple[str, str]] = ()) -> list[SharedGrid]:
    """Every grid of a static plan once, in the graph's order.

    Args:
        pairs: values that are the same number at different times: a state that a step leaves and the next one takes.

    Raises:
        ConversionError: values that must be on one grid have different ones in the plan.
    """
    parent = {name: name for name in plan.activations}
    fixed: set[str] = set()
    even: set[str] = set(plan.activations) if plan.target.activations_symmetric else set()

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    def join(names: list[str]) -> None:
        for other in names[1:]:
            parent[root(other)] = root(names[0])

    for node in model.graph:
        if not plan.is_int8(str(node.name)):
            continue
        rule = rule_of(node)
        outputs = [str(value.name) for value in stored_outputs(node)]
        if rule.fixed is not None:
            fixed.update(outputs)
        right = around_zero(node, plan.target)
        if right is not None and plan.activations[str(right.name)].zero_point == 0:
            even.add(str(right.name))
        if rule.form is Form.SAME:
            inputs = [str(value.name) for value in activation_inputs(node, rule)]
            if may_differ(rule, plan.target):
                inputs = [
                    name for name in inputs if plan.activations[name].same_as(plan.activations[outputs[0]])
                ]
            join([*outputs, *inputs])
            if constant_inputs(node, rule):
                fixed.update(outputs)
    for first, second in pairs:
        if first in parent and second in parent:
            join([first, second])
    for value in [*model.graph.inputs, *(value for node in model.graph for value in node.outputs)]:
        if str(value.name) in parent and declared(value) is not None:
            fixed.add(str(value.name))
    return _grids(plan, root, fixed, even)


def _grids(plan: Plan, root: object, fixed: set[str], even: set[str]) -> list[SharedGrid]:
    members: dict[str, list[str]] = {}
    for name in plan.activations:
        members.setdefault(root(name), []).append(name)  # type: ignore[operator]
    found = []
    for names in members.values():
        grids = [plan.activations[name] for name in names]
        if not all(grid.same_as(grids[0]) for grid in grids):
            raise ConversionError(
                f"the plan has several grids for {', '.join(names[:4])}, which must share one. Make the plan with "
                "quantize.make_plan"
            )
        found.append(SharedGrid(tuple(names), grids[0], bool(fixed & set(names)), bool(even & set(names))))
    return found
