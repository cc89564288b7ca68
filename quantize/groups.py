"""Values that must be on one grid, and the one range or prescribed grid that each such group has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from edgemm.quantize.constants import Sights, range_of
from edgemm.quantize.fusion import bounds, fused_activation, stored_output, stored_outputs
from edgemm.quantize.grid import Grid, Range, asymmetric, symmetric
from edgemm.quantize.legality import (
    Fixed,
    Form,
    Rule,
    activation_inputs,
    around_zero,
    constant_inputs,
    may_differ,
    operand,
)
from edgemm.quantize.target import Target

NARROW = 16.0
"""A member whose range is smaller than its group's by this factor keeps fewer than 4 bits."""

_ROUNDING = 1.0
"""In steps: a value may pass the end of a prescribed grid by this much (a sigmoid's 1.0 is 255/256)."""


@dataclass(slots=True)
class Groups:
    """Union-find over value names."""

    ranges: Mapping[str, Range]
    """Value name -> its own range."""
    target: Target
    sights: Sights = field(default_factory=dict)
    _parent: dict[str, str] = field(default_factory=dict)
    _range: dict[str, Range] = field(default_factory=dict)
    _fixed: dict[str, Fixed] = field(default_factory=dict)
    _limits: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Root -> what a Relu or Clip cuts the group's values off at."""
    _around_zero: set[str] = field(default_factory=set)
    """Roots of groups whose zero point is 0."""

    def root(self, name: str) -> str:
        """The value that stands for the group."""
        while (parent := self._parent.get(name, name)) != name:
            name = parent
        return name

    def range_of(self, name: str) -> Range:
        """The union of the ranges of the group that `name` is in."""
        root = self.root(name)
        return self._range.get(root, self.ranges[root])

    def fix(self, name: str, fixed: Fixed) -> None:
        """Prescribes the grid of a value that is in no group yet."""
        self._fixed[self.root(name)] = fixed

    def limit(self, name: str, limits: tuple[float, float]) -> None:
        """Says what a Relu or Clip cuts a value off at: on a grid with those ends the integers saturate there."""
        self._limits[self.root(name)] = limits

    def center(self, name: str) -> str:
        """Puts the zero point of a value's group at 0.

        Returns:
            "" when done; else why it cannot be.
        """
        if self.grid_of(name).zero_point == 0 or not self._is_prescribed(name):
            self._around_zero.add(self.root(name))
            return ""
        return f"{name} is on a prescribed grid, and the right side of a product must have zero point 0"

    def _is_prescribed(self, name: str) -> bool:
        return self.root(name) in self._fixed or self.range_of(name).step > 0.0

    def join_if_none_moves(self, name: str, other: str) -> None:
        """Puts two values on one grid, unless that would move a prescribed grid or the ends where limits cut off."""
        own, union = self.range_of(name), self.range_of(name).union(self.range_of(other))
        low, high = self._limits.get(self.root(name), (-np.inf, np.inf))
        opened = low <= own.low and own.high <= high and (union.low < low or high < union.high)
        moved = any(each.step and each.step != union.step for each in (own, self.range_of(other)))
        if not opened and not moved:
            self.join([other, name])

    def join(self, names: Iterable[str], constants: Iterable[Range] = ()) -> str:
        """Puts values, and constants among them, on one grid.

        Returns:
            "" when done; else why it cannot be, and nothing was changed.
        """
        roots = list(dict.fromkeys(self.root(name) for name in names))
        union = self.range_of(roots[0])
        for other in [*(self.range_of(root) for root in roots[1:]), *constants]:
            union = union.union(other)
        fixed = list({self._fixed[root] for root in roots if root in self._fixed})
        if len(fixed) > 1:
            return "its inputs have different prescribed grids"
        if fixed and fixed[0].grid(self.target).zero_point and not self._around_zero.isdisjoint(roots):
            return "a prescribed grid meets the right side of a product, whose zero point is 0"
        if fixed and not holds(fixed[0], self.target, union):
            return f"a prescribed grid (scale {fixed[0].scale:g}) meets values of {union.low:.4g}..{union.high:.4g}"
        if not union.fits:
            return f"no grid holds {union.low:.4g}..{union.high:.4g}"
        for root in roots:
            self._parent[root] = roots[0]
        self._range[roots[0]] = union
        known = [self._limits[root] for root in roots if root in self._limits]
        if known:
            self._limits[roots[0]] = (max(low for low, _ in known), min(high for _, high in known))
        if fixed:
            self._fixed[roots[0]] = fixed[0]
        if not self._around_zero.isdisjoint(roots):
            self._around_zero.add(roots[0])
        return ""

    def grid_of(self, name: str) -> Grid:
        """The grid of the group that `name` is in."""
        fixed = self._fixed.get(self.root(name))
        if fixed is not None:
            return fixed.grid(self.target)
        even = self.target.activations_symmetric or self.root(name) in self._around_zero
        return (symmetric if even else asymmetric)(self.range_of(name))


def holds(fixed: Fixed, target: Target, values: Range) -> bool:
    """True when a prescribed grid has steps for these values."""
    grid = fixed.grid(target)
    margin = _ROUNDING * grid.scalar
    low, high = (-128 - grid.zero_point) * grid.scalar, (127 - grid.zero_point) * grid.scalar
    return low - margin <= values.low and values.high <= high + margin


def group_graph(
    nodes: Mapping[str, ir.Node],
    rules: Mapping[str, Rule],
    ranges: Mapping[str, Range],
    target: Target,
    sights: Sights,
) -> tuple[Groups, dict[str, str]]:
    """Joins what the rules want on one grid, in the graph's order.

    Returns:
        The groups, and node name -> reason for each node whose rule cannot hold beside the others'.
    """
    groups, broken = Groups(ranges, target, sights), {}
    for name, rule in rules.items():
        reason = _apply(nodes[name], rule, groups)
        if reason:
            broken[name] = reason
    return groups, broken


def _apply(node: ir.Node, rule: Rule, groups: Groups) -> str:
    if rule.fixed is not None:
        groups.fix(str(stored_output(node).name), rule.fixed)
    limits = bounds(fused_activation(node) or node)
    if limits is not None:
        groups.limit(str(stored_output(node).name), limits)
    right = around_zero(node, groups.target)
    if right is not None and (reason := groups.center(str(right.name))) and not groups.target.integer_only:
        return reason
    if rule.form is not Form.SAME:
        return ""
    members = activation_inputs(node, rule)
    if narrow := _narrow(node, members, groups):
        return narrow
    values = [*members, *stored_outputs(node)]
    constants = [
        range_of(value, groups.sights.get((str(node.name), index)))
        for index in constant_inputs(node, rule)
        if (value := operand(node, index)) is not None
    ]
    if not may_differ(rule, groups.target):
        return groups.join([str(value.name) for value in values], constants)
    output = str(node.outputs[0].name)
    if reason := groups.join([output], constants):
        return reason
    for value in members:
        groups.join_if_none_moves(str(value.name), output)
    return ""


def _narrow(node: ir.Node, members: Sequence[ir.Value], groups: Groups) -> str:
    """A last Concat of boxes and scores: on one grid the scores would be lost, and nothing is gained by it."""
    output = node.outputs[0]
    if groups.target.integer_only or len(members) < 2 or not output.is_graph_output() or output.uses():
        return ""
    widths = [groups.ranges[str(value.name)].width for value in members]
    if min(widths) * NARROW >= max(widths):
        return ""
    return f"its inputs' ranges differ {max(widths) / min(widths):.0f} times, and the graph ends here"


def group_notes(nodes: Mapping[str, ir.Node], rules: Mapping[str, Rule], groups: Groups) -> Iterator[str]:
    """Remarks about shared and prescribed grids."""
    for name, rule in rules.items():
        node = nodes[name]
        if rule.fixed is not None:
            grid = groups.grid_of(str(stored_output(node).name))
            yield f"{name} {node.op_type}: output fixed at scale {grid.scalar:.6g}, zero point {grid.zero_point}"
        if rule.form is not Form.SAME:
            continue
        for value in activation_inputs(node, rule):
            own, union = groups.ranges[str(value.name)], groups.range_of(str(value.name))
            if own.width * NARROW < union.width:
                yield (
                    f"{name} {node.op_type}: {value.name} uses {own.low:.4g}..{own.high:.4g} of the shared "
                    f"{union.low:.4g}..{union.high:.4g}: under 4 bits are left of it"
                )
