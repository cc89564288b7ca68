"""Quotients of 64-bit numbers, for which TFLite has no kernel, in those that it has.

A float32 quotient is right to one part in some millions. What it leaves is divided again, so that four quotients
reach the last bit but one, and comparisons settle the rest.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import shape_of

FLOAT, INT64 = ir.DataType.FLOAT, ir.DataType.INT64
ROUNDS = 4
LARGEST = float(np.nextafter(np.float32(2.0**63), np.float32(0.0)))
"""The largest float32 that is an int64."""


def expand_wide_div(node: ir.Node) -> bool:
    """Div of int64, which cuts off towards zero."""
    draft = Draft(node)
    a, b = draft.input(), draft.input(1)
    if a.dtype != INT64:
        return False
    shape = shape_of(node.outputs[0])
    zeros = draft.constant(np.zeros(shape, np.int64))
    rest, total = draft("Add", a, zeros) if shape_of(a) != shape else a, zeros
    divisor = draft.cast(b, FLOAT)
    for _ in range(ROUNDS):
        quotient = draft("Div", draft.cast(rest, FLOAT), divisor)
        bounded = draft("Max", draft("Min", quotient, LARGEST), -LARGEST)
        part = draft.cast(bounded, INT64)
        total = draft("Add", total, part)
        rest = draft("Sub", rest, draft("Mul", part, b))
    for _ in range(2):
        below = draft.cast(_has_other_sign(draft, rest, b), INT64)
        total, rest = draft("Sub", total, below), draft("Add", rest, draft("Mul", below, b))
    above = _holds_divisor(draft, rest, b)
    total, rest = draft("Add", total, above), draft("Sub", rest, draft("Mul", above, b))
    cut = draft("And", draft("Not", draft("Equal", rest, 0)), _unlike(draft, a, b))
    return draft.becomes(draft("Add", total, draft.cast(cut, INT64)))


def _unlike(draft: Draft, a: ir.Value, b: ir.Value) -> ir.Value:
    """One of them is negative."""
    return draft("Not", draft("Equal", *(draft.cast(draft("Less", each, 0), INT64) for each in (a, b))))


def _has_other_sign(draft: Draft, rest: ir.Value, b: ir.Value) -> ir.Value:
    """The rest, divided by the divisor, is less than 0."""
    return draft("And", draft("Not", draft("Equal", rest, 0)), _unlike(draft, rest, b))


def _holds_divisor(draft: Draft, rest: ir.Value, b: ir.Value) -> ir.Value:
    """1 where the rest, divided by the divisor, is 1 or more, else 0; it has the divisor's sign."""
    held = (draft.cast(draft(name, rest, b), INT64) for name in ("LessOrEqual", "GreaterOrEqual"))
    return draft.where(draft("Less", b, 0), *held)  # ONNX Runtime, which calibrates, has no Where of booleans
