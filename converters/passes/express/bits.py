"""Bitwise logic on whole numbers, bit by bit: opset 17 has none."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import shape_of

INT32, INT64 = ir.DataType.INT32, ir.DataType.INT64
UNSIGNED = {ir.DataType.UINT8: 255, ir.DataType.UINT16: 65535, ir.DataType.UINT32: 2**32 - 1}
NARROW = frozenset({ir.DataType.INT8, ir.DataType.INT16, INT32, ir.DataType.UINT8, ir.DataType.UINT16})
WIDE = frozenset({INT64, ir.DataType.UINT32})


def expand_bitwise_not(node: ir.Node) -> bool:
    """BitwiseNot: what is missing to all ones."""
    draft = Draft(node)
    value = draft.input()
    kind = value.dtype
    if kind in UNSIGNED:
        working = _working(draft)
        wide = draft("Sub", UNSIGNED[kind], draft.cast(value, working))
        return draft.becomes(draft.cast(wide, kind))
    _working(draft)
    return draft.becomes(draft("Sub", -1, value))


def expand_bitwise(node: ir.Node) -> bool:
    """BitwiseAnd, BitwiseOr, BitwiseXor."""
    draft = Draft(node)
    kind, working = draft.input().dtype, _working(draft)
    shape = shape_of(node.outputs[0])
    a, b = (bits_of(draft, draft.cast(draft.input(index), working)) for index in (0, 1))
    both = draft("Mul", a, b)
    if node.op_type == "BitwiseAnd":
        bits = both
    else:
        times = 1 if node.op_type == "BitwiseOr" else 2
        bits = draft("Sub", draft("Add", a, b), draft("Mul", both, times) if times > 1 else both)
    return draft.becomes(draft.cast(_number(draft, bits, shape), kind or working))


def _working(draft: Draft) -> ir.DataType:
    """The signed type that holds the numbers."""
    kind = draft.input().dtype
    if kind not in NARROW | WIDE:
        draft.refuse(f"{draft.node.op_type} of {kind}", "Cast to int64")
    return INT32 if kind in NARROW else INT64


def _number(draft: Draft, bits: ir.Value, shape: tuple[int, ...]) -> ir.Value:
    """The number that has those bits. 64 of them are two sums: ONNX Runtime adds as if they were real numbers."""
    axis = len(shape)
    kind = bits.dtype or INT32
    low = [1 << bit for bit in range(32)]
    high = [*low[:31], -low[31]]
    if kind == INT32:
        return draft.sum(draft("Mul", bits, np.array(high, np.int64).astype(np.int32)), (axis,))
    sums = [
        draft.sum(
            draft("Mul", draft.slice(bits, start, start + 32, axis), np.array(weights, np.int64)), (axis,)
        )
        for start, weights in ((0, low), (32, high))
    ]
    return draft("Add", draft("Mul", sums[1], 1 << 32), sums[0])


def bits_of(draft: Draft, value: ir.Value) -> ir.Value:
    """[..., 32 or 64]: bits of two's complement, the sign last.

    A floored remainder by twice the bit is at least the bit where the bit is set, whatever the sign; below the sign
    the number itself is compared.
    """
    kind = value.dtype or INT32
    below = 30 if kind == INT32 else 62
    negative = draft("Less", value, 0)
    column = draft.reshape(raised(draft, value), (*shape_of(value), 1))
    powers = [1 << bit for bit in range(below)]
    rests = draft("Mod", column, np.array([2 * each for each in powers], kind.numpy()))
    lower = draft("GreaterOrEqual", rests, np.array(powers, kind.numpy()))
    upper = draft("GreaterOrEqual", column, 1 << below)
    sign = draft.reshape(negative, (*shape_of(value), 1))
    parts = [draft.cast(each, kind) for each in (lower, upper, sign)]
    return draft.concat(parts, len(shape_of(value)))


def raised(draft: Draft, value: ir.Value) -> ir.Value:
    """int32 or int64 without the bit of the sign, in steps that do not leave the type."""
    kind = value.dtype or INT32
    quarter = 1 << (29 if kind == INT32 else 61)
    step = draft.where(draft("Less", value, 0), draft.constant(quarter, kind), draft.constant(0, kind))
    for _ in range(4):
        value = draft("Add", value, step)
    return value
