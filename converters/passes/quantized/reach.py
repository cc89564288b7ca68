"""Bounds on the values of a graph that follow from its operators alone: interval arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import array_of, input_of
from edgemm.quantize.fusion import bounds

Reach = tuple[float, float]
"""The smallest and largest number that a value can be."""
EVERYTHING: Reach = (-np.inf, np.inf)

WITHIN: dict[str, Reach] = {
    "Abs": (0.0, np.inf),
    "Cos": (-1.0, 1.0),
    "Erf": (-1.0, 1.0),
    "Exp": (0.0, np.inf),
    "HardSigmoid": (0.0, 1.0),
    "LogSoftmax": (-np.inf, 0.0),
    "Sigmoid": (0.0, 1.0),
    "Sin": (-1.0, 1.0),
    "Softmax": (0.0, 1.0),
    "Softplus": (0.0, np.inf),
    "Softsign": (-1.0, 1.0),
    "Sqrt": (0.0, np.inf),
    "Tanh": (-1.0, 1.0),
}
"""Operator -> what it gives, whatever it takes."""

PICKS = frozenset(
    {
        "DepthToSpace",
        "Dropout",
        "Expand",
        "Flatten",
        "Gather",
        "GatherElements",
        "GatherND",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "Identity",
        "MaxPool",
        "ReduceMax",
        "ReduceMean",
        "ReduceMin",
        "Reshape",
        "Slice",
        "SpaceToDepth",
        "Split",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unsqueeze",
    }
)
"""Operators that give what is in their first input, or means of it."""


class Reaches:
    """The reach of every value that was looked at; an unknown one reaches everywhere."""

    def __init__(self) -> None:
        self._known: dict[int, Reach] = {}
        self._alive: list[ir.Value] = []

    def of(self, value: ir.Value | None) -> Reach:
        """From the smallest to the largest number; of a constant, those that are in it."""
        if value is None:
            return EVERYTHING
        if id(value) not in self._known:
            array = array_of(value)
            known = array is not None and array.size and array.dtype.kind == "f" and np.isfinite(array).all()
            self.put(
                value, (float(array.min()), float(array.max())) if known and array is not None else EVERYTHING
            )
        return self._known[id(value)]

    def put(self, value: ir.Value, reach: Reach) -> None:
        """Says how far a value goes."""
        self._alive.append(value)  # an id is that of a value only as long as the value lives
        self._known[id(value)] = reach

    def follow(self, node: ir.Node) -> None:
        """Says how far the outputs of a node go. Nodes come in the graph's order."""
        rule = RULES.get(node.op_type) if node.domain == "" else None
        found = rule(node, [self.of(value) for value in node.inputs]) if rule is not None else EVERYTHING
        if any(map(np.isnan, found)):
            found = EVERYTHING
        self.put(node.outputs[0], found)
        for value in node.outputs[1:]:
            self.put(value, found if node.op_type == "Split" else EVERYTHING)


Rule = Callable[[ir.Node, Sequence[Reach]], Reach]


def _hull(reaches: Sequence[Reach]) -> Reach:
    return min(low for low, _ in reaches), max(high for _, high in reaches)


def _limited(node: ir.Node, reaches: Sequence[Reach]) -> Reach:
    """Relu and Clip."""
    low, high = bounds(node) or EVERYTHING
    return min(max(reaches[0][0], low), high), max(min(reaches[0][1], high), low)


def _average_pool(node: ir.Node, reaches: Sequence[Reach]) -> Reach:
    """A mean of the window, zeros of the padding counted in or not."""
    return _hull([reaches[0], (0.0, 0.0)])


def _pad(node: ir.Node, reaches: Sequence[Reach]) -> Reach:
    if node.attributes.get_string("mode", "constant") != "constant":
        return reaches[0]
    return _hull([reaches[0], reaches[2] if input_of(node, 2) is not None else (0.0, 0.0)])


def _resize(node: ir.Node, reaches: Sequence[Reach]) -> Reach:
    """Cubic interpolation overshoots, and what is outside of the picture has a value of its own."""
    mode = node.attributes.get_string("mode", "nearest")
    outside = node.attributes.get_string("coordinate_transformation_mode", "") == "tf_crop_and_resize"
    return reaches[0] if mode in ("nearest", "linear") and not outside else EVERYTHING


def _leaky(node: ir.Node, reaches: Sequence[Reach]) -> Reach:
    alpha = float(node.attributes.get_float("alpha", 0.01))
    low, high = reaches[0]
    return (min(low * alpha, 0.0), max(high, 0.0)) if alpha > 0 else EVERYTHING


def _product(node: ir.Node, reaches: Sequence[Reach]) -> Reach:
    (a, b), (c, d) = reaches[:2]
    ends = [x * y if x and y else 0.0 for x in (a, b) for y in (c, d)]
    return min(ends), max(ends)


RULES: dict[str, Rule] = {
    **{name: (lambda node, reaches, given=given: given) for name, given in WITHIN.items()},  # type: ignore[misc]
    **dict.fromkeys(PICKS, lambda node, reaches: reaches[0]),
    "Add": lambda node, reaches: (reaches[0][0] + reaches[1][0], reaches[0][1] + reaches[1][1]),
    "AveragePool": _average_pool,
    "Clip": _limited,
    "Concat": lambda node, reaches: _hull(reaches),
    "LeakyRelu": _leaky,
    "Max": lambda node, reaches: (max(low for low, _ in reaches), max(high for _, high in reaches)),
    "Min": lambda node, reaches: (min(low for low, _ in reaches), min(high for _, high in reaches)),
    "Mul": _product,
    "Neg": lambda node, reaches: (-reaches[0][1], -reaches[0][0]),
    "Pad": _pad,
    "Relu": _limited,
    "Resize": _resize,
    "Sub": lambda node, reaches: (reaches[0][0] - reaches[1][1], reaches[0][1] - reaches[1][0]),
    "Where": lambda node, reaches: _hull(reaches[1:]),
}
"""Operator -> how far its first output goes, from how far its inputs go."""
