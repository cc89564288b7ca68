"""Bitwise logic on whole numbers, bit by bit: opset 17 has none."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft, Operand
from edgemm.converters.passes.rewrite import shape_of

INT32 = ir.DataType.INT32
BITS = 31
"""Below the sign."""
UNSIGNED = {ir.DataType.UINT8: 255, ir.DataType.UINT16: 65535}
NARROW = frozenset({ir.DataType.INT8, ir.DataType.INT16, INT32, *UNSIGNED})


def expand_bitwise_not(node: ir.Node) -> bool:
    """BitwiseNot: what is missing to all ones."""
    draft = Draft(node)
    value = draft.input()
    kind = value.dtype
    if kind in UNSIGNED:
        wide = draft("Sub", UNSIGNED[kind], draft.cast(value, INT32))
        return draft.becomes(draft.cast(wide, kind))
    if kind not in NARROW | {ir.DataType.INT64}:
        draft.refuse(f"BitwiseNot of {kind}", "Cast to int32")
    return draft.becomes(draft("Sub", -1, value))


def expand_bitwise(node: ir.Node) -> bool:
    """BitwiseAnd, BitwiseOr, BitwiseXor of numbers of at most 32 bits."""
    draft = Draft(node)
    kind = draft.input().dtype
    if kind not in NARROW:
        draft.refuse(f"{node.op_type} of {kind}", "Cast to int32")
    shape = shape_of(node.outputs[0])
    a, b = (_bits(draft, draft.cast(draft.input(index), INT32)) for index in (0, 1))
    both = draft("Mul", a, b)
    if node.op_type == "BitwiseAnd":
        bits = both
    else:
        times = 1 if node.op_type == "BitwiseOr" else 2
        bits = draft("Sub", draft("Add", a, b), draft("Mul", both, times) if times > 1 else both)
    weights = np.array([*(1 << bit for bit in range(BITS)), -(1 << BITS)], np.int64).astype(np.int32)
    total = draft.sum(draft("Mul", bits, weights), (len(shape),))
    return draft.becomes(draft.cast(total, kind))


def _bits(draft: Draft, value: ir.Value) -> ir.Value:
    """int32[..., 32]: bits of two's complement, the sign last."""
    one: Operand = 1
    negative = draft("Less", value, 0)
    size = draft.where(negative, draft("Sub", -1, value), value)
    column = draft.reshape(size, (*shape_of(size), 1))
    powers = (1 << np.arange(BITS, dtype=np.int64)).astype(np.int32)
    plain = draft("Mod", draft("Div", column, powers), 2)
    sign = draft.reshape(draft.cast(negative, INT32), (*shape_of(size), 1))
    flipped = draft.where(draft("Equal", sign, 1), draft("Sub", one, plain), plain)
    return draft.concat([flipped, sign], len(shape_of(size)))
