"""Divisors, and what a root, a logarithm or a steep power is taken of: their relative error counts.

On a grid, the smallest of them are one step or none, and what is divided by them is anything. So they are computed in
float, back to the layer that they come from: the variance of a norm, the sum of weights, the power of a spectrum.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

from edgemm.quantize.addresses import is_layer
from edgemm.quantize.fusion import hosts
from edgemm.quantize.legality import is_real, operand

THROUGH = frozenset({
    "Add", "Cast", "Clip", "Concat", "Div", "Expand", "Gather", "GlobalAveragePool", "Identity", "Max", "Min", "Neg",
    "Pad", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Reshape", "Slice", "Split", "Sqrt", "Squeeze", "Sub",
    "Tile", "Transpose", "Unsqueeze", "Where",
})  # fmt: skip
"""Operators whose operands must be as exact as their result. Those of a square need not: where x * x is small, x is
not that small."""


def divisor_values(model: ir.Model) -> frozenset[str]:
    """Names of the float32 values that are such numbers, or that they are computed from: none is stored on a grid."""
    inside = hosts(model)
    found: dict[str, ir.Value] = {}
    waiting = list(_given(model))
    while waiting:
        value = waiting.pop()
        node = value.producer()
        if node is None or str(value.name) in found or not is_real(value):
            continue
        if is_layer(inside.get(str(node.name), node)):
            continue
        found[str(value.name)] = value
        scaled = node.op_type == "Mul" and any(
            each is not None and each.const_value is not None for each in node.inputs
        )
        if node.op_type in THROUGH or scaled:
            waiting += [each for each in node.inputs if each is not None]
    return frozenset(found)


def _given(model: ir.Model) -> Iterator[ir.Value]:
    for node in model.graph:
        index = 1 if node.op_type == "Div" else 0
        if node.op_type in ("Div", "Log", "Reciprocal", "Sqrt") or (
            node.op_type == "Pow" and _is_steep(node)
        ):
            value = operand(node, index)
            if value is not None:
                yield value


def _is_steep(node: ir.Node) -> bool:
    """A power below 1 is steep at 0; one that is computed may be anything."""
    exponent = operand(node, 1)
    known = exponent is not None and exponent.const_value is not None
    return not known or bool((exponent.const_value.numpy() < 1).any())  # type: ignore[union-attr]
