"""What a value is in powers of x and of f(x): factors and addends in any order come out as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import onnx_ir as ir

from edgemm.converters.passes.recognize.place import close, scalar
from edgemm.converters.passes.rewrite import data_of, input_of

Powers = tuple[int, int]
"""Of x and of f."""
Polynomial = dict[Powers, float]
MAX_POWER = 4
MAX_DEPTH = 8
"""Operators between a value and x."""


@dataclass(slots=True, eq=False)
class Expansion:
    """Expands values in x and f; collects the nodes on the way."""

    x: ir.Value
    f: ir.Value | None = None
    inside: list[ir.Node] = field(default_factory=list)

    def of(self, value: ir.Value, depth: int = 0) -> Polynomial | None:
        """The polynomial, or None where there are other values or operators in it."""
        if value is self.x:
            return {(1, 0): 1.0}
        if value is self.f:
            return {(0, 1): 1.0}
        number = scalar(value)
        if number is not None:
            return {(0, 0): number}
        node = value.producer()
        if node is None or node.domain != "" or depth > MAX_DEPTH:
            return None
        self.inside.append(node)
        return self._node(node, depth + 1)

    def _node(self, node: ir.Node, depth: int) -> Polynomial | None:
        if node.op_type == "Neg":
            return _scaled(self.of(data_of(node), depth), -1.0)
        if node.op_type not in ("Add", "Sub", "Mul", "Div", "Pow") or len(node.inputs) != 2:
            return None
        number = scalar(input_of(node, 1))
        if node.op_type == "Pow":
            return _power(self.of(data_of(node), depth), number)
        if node.op_type == "Div":
            return _scaled(self.of(data_of(node), depth), 1.0 / number) if number else None
        left, right = (self.of(data_of(node, index), depth) for index in (0, 1))
        if node.op_type == "Mul":
            return _product(left, right)
        return _sum(left, right if node.op_type == "Add" else _scaled(right, -1.0))


def _scaled(one: Polynomial | None, factor: float) -> Polynomial | None:
    return None if one is None else {powers: factor * each for powers, each in one.items()}


def _sum(one: Polynomial | None, other: Polynomial | None) -> Polynomial | None:
    if one is None or other is None:
        return None
    return {powers: one.get(powers, 0.0) + other.get(powers, 0.0) for powers in {*one, *other}}


def _product(one: Polynomial | None, other: Polynomial | None) -> Polynomial | None:
    if one is None or other is None:
        return None
    found: Polynomial = {}
    for (a, b), first in one.items():
        for (c, d), second in other.items():
            found[a + c, b + d] = found.get((a + c, b + d), 0.0) + first * second
    return found if all(max(powers) <= MAX_POWER for powers in found) else None


def _power(one: Polynomial | None, exponent: float | None) -> Polynomial | None:
    if exponent not in (1.0, 2.0, 3.0):
        return None
    found = one
    for _ in range(int(exponent) - 1):
        found = _product(found, one)
    return found


def matches(found: Mapping[Powers, float] | None, wanted: Mapping[Powers, float]) -> bool:
    """True when all coefficients are as wanted."""
    if found is None:
        return False
    return set(wanted) == {powers for powers, each in found.items() if each != 0.0} and all(
        close(found[powers], each) for powers, each in wanted.items()
    )
