"""Intervals from result to operand: which part of an operand matters, where only an interval of the result does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from edgemm.quantize.grid import Range

ALL = Range(-np.inf, np.inf)

SATURATES: dict[str, Range] = {
    "Elu": Range(-8.0, np.inf),
    "Erf": Range(-4.0, 4.0),
    "FastGelu": Range(-6.0, np.inf),
    "Gelu": Range(-6.0, np.inf),
    "HardSwish": Range(-3.0, np.inf),
    "Selu": Range(-8.0, np.inf),
    "Sigmoid": Range(-8.0, 8.0),
    "Tanh": Range(-4.0, 4.0),
}
"""Operator -> where it still changes by 1/1000 of the range of what it computes, which is a quarter of a step."""

SHARPENS = frozenset({("Div", 1), ("Log", 0), ("Pow", 0), ("Reciprocal", 0), ("Sqrt", 0)})
"""(operator, input index) that makes small differences near 0 large: what they read was not saturated for them."""

FIRST = (0,)
EVERY = None
PASSES: dict[str, tuple[int, ...] | None] = {
    **dict.fromkeys(
        (
            "DepthToSpace", "Expand", "Flatten", "Gather", "GatherElements", "GatherND", "GlobalMaxPool", "Identity",
            "MaxPool", "ReduceMax", "ReduceMin", "Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile",
            "Transpose", "Unsqueeze",
        ),
        FIRST,
    ),
    **dict.fromkeys(("Concat", "Max", "Min"), EVERY),
    **dict.fromkeys(("Pad", "ScatterElements", "ScatterND"), (0, 2)),
    "Where": (1, 2),
}  # fmt: skip
"""Operators that move or pick numbers -> which of their inputs those are. Limiting before them is limiting after."""


def saturated(node: ir.Node) -> Range:
    if node.op_type != "HardSigmoid":
        return SATURATES[node.op_type]
    slope = node.attributes.get_float("alpha", 0.2)
    start = node.attributes.get_float("beta", 0.5)
    return Range(-start / slope, (1.0 - start) / slope) if slope > 0 else ALL


def passes(node: ir.Node) -> bool:
    """True for a node that moves or picks numbers, and computes none."""
    if node.op_type == "Resize":
        return node.attributes.get_string("mode", "nearest") == "nearest"
    return node.op_type in PASSES and node.attributes.get_string("reduction", "none") == "none"


# what one operand shows, where the result is seen within `after` and the other operand is within `other`


def _add(after: Range, other: Range, _: int) -> Range:
    return Range(_difference(after.low, other.high), _difference(after.high, other.low))


def _sub(after: Range, other: Range, index: int) -> Range:
    if index == 0:
        return Range(_sum(after.low, other.low), _sum(after.high, other.high))
    return Range(_difference(other.low, after.high), _difference(other.high, after.low))


def _mul(after: Range, other: Range, _: int) -> Range:
    """Factors of one sign only: the others turn a limit into both."""
    if other.low > 0.0:
        return _over(after, other)
    if other.high < 0.0:
        turned = _over(after, Range(-other.high, -other.low))
        return Range(-turned.high, -turned.low)
    return ALL


def _div(after: Range, other: Range, index: int) -> Range:
    if index == 1 or not (other.low > 0.0 and np.isfinite(other.high)):
        return ALL
    return _over(after, Range(1.0 / other.high, 1.0 / other.low))


def _over(after: Range, factor: Range) -> Range:
    """x so that x * factor leaves `after` for every factor when x leaves the result."""
    low = after.low / (factor.low if after.low < 0 else factor.high)
    high = after.high / (factor.low if after.high > 0 else factor.high)
    return Range(low, high)


def _neg(after: Range, _other: Range, _: int) -> Range:
    return Range(-after.high, -after.low)


def _sum(end: float, other: float) -> float:
    """Infinite where either is."""
    return end if np.isinf(end) else end + other


def _difference(end: float, other: float) -> float:
    return _sum(end, -other)


ARITHMETIC: dict[str, Callable[[Range, Range, int], Range]] = {
    "Add": _add,
    "Div": _div,
    "Mul": _mul,
    "Neg": _neg,
    "Sub": _sub,
}
