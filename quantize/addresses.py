"""Values that are addresses: sizes, scales, coordinates in a picture, indices.

A step of 1/256 of their range may be a pixel or a row, so no grid holds them. What computes them stays in float, back
to the last weighted layer before them, which is in float too.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

from edgemm.quantize.cost import WEIGHTED
from edgemm.quantize.legality import RECURRENT, is_real, operand

ADDRESSES: dict[str, tuple[int, ...]] = {
    "Clip": (1, 2),
    "Compress": (1,),
    "CumSum": (1,),
    "DeformConv": (2,),
    "Expand": (1,),
    "Gather": (1,),
    "GatherElements": (1,),
    "GatherND": (1,),
    "GridSample": (1,),
    "MaxRoiPool": (1,),
    "MaxUnpool": (1, 2),
    "OneHot": (0, 1),
    "Pad": (1, 3),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "ReverseSequence": (1,),
    "RoiAlign": (1, 2),
    "ScatterElements": (1,),
    "ScatterND": (1,),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Trilu": (1,),
    **dict.fromkeys(RECURRENT, (4,)),
}
"""Operator -> its inputs that are addresses."""

CHOICES = frozenset({
    "And", "ArgMax", "ArgMin", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "MaxPool",
    "NonMaxSuppression", "NonZero", "Not", "Or", "Shape", "Size", "TopK", "Unique", "Xor",
})  # fmt: skip
"""Operators that make whole numbers of real ones by comparing: their operands are data."""


COORDINATES = 4
"""A product over so few numbers turns points (two or three coordinates, and a one), and is not a layer."""


def address_values(model: ir.Model) -> frozenset[str]:
    """Names of the float32 values that are addresses, or that addresses are computed from: none is stored on a grid."""
    found: dict[str, ir.Value] = {}
    waiting = list(_given(model))
    while waiting:
        value = waiting.pop()
        if value.const_value is not None or str(value.name) in found:
            continue
        found[str(value.name)] = value
        node = value.producer()
        chosen = node is not None and node.op_type in CHOICES and not is_real(value)
        if node is not None and not chosen and not is_layer(node):
            waiting += [each for each in node.inputs if each is not None]
    return frozenset(name for name, value in found.items() if is_real(value))


def _given(model: ir.Model) -> Iterator[ir.Value]:
    for node in model.graph:
        for index in ADDRESSES.get(node.op_type, ()):
            value = operand(node, index)
            if value is not None:
                yield value


def is_layer(node: ir.Node) -> bool:
    """True for what has learned weights: it may compute anything, and what it reads is data."""
    if node.op_type in RECURRENT:
        return True
    weight = operand(node, 1) if node.op_type in WEIGHTED else None
    if weight is None or weight.const_value is None:
        return False
    shape = weight.const_value.numpy().shape
    return node.op_type != "MatMul" or shape[max(len(shape) - 2, 0)] > COORDINATES


def computes_with(node: ir.Node, addresses: frozenset[str]) -> bool:
    """True when the node makes or reads such values."""
    return any(value is not None and str(value.name) in addresses for value in (*node.inputs, *node.outputs))
