"""Whole numbers: remainders, bits, powers and limits, in the arithmetic that TFLite has for int32 and int64."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import array_of, shape_of
from edgemm.converters.tflite.lower.arithmetic import never_negative

INT32 = ir.DataType.INT32
SMALL = frozenset({ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16, ir.DataType.UINT16})


def expand_mod(node: ir.Node) -> bool:
    """Mod: of 8-bit numbers in 32 bits; with fmod, of the sizes, and the sign of the dividend."""
    draft = Draft(node)
    a, b = draft.input(), draft.input(1)
    if a.dtype in SMALL:
        wide = [draft.cast(each, INT32) for each in (a, b)]
        rest = draft.op("Mod", wide, shape_of(node.outputs[0]), INT32, fmod=draft.integer("fmod", 0))
        return draft.becomes(draft.cast(rest, a.dtype))
    if not draft.integer("fmod", 0) or (never_negative(a) and never_negative(b)):
        return False  # of sizes, both kinds of remainder are one
    if a.dtype in (INT32, ir.DataType.INT64):
        return draft.becomes(_signed_rest(draft, a, b))
    sizes = [_size(draft, a), _size(draft, b)]
    kind = int(a.dtype == ir.DataType.FLOAT)  # onnxruntime, which calibrates, has one kind for real numbers
    rest = draft.op("Mod", sizes, shape_of(node.outputs[0]), a.dtype, fmod=kind)
    return draft.becomes(draft.where(draft("Less", a, 0), draft("Neg", rest), rest))


def _signed_rest(draft: Draft, a: ir.Value, b: ir.Value) -> ir.Value:
    """The floored remainder, less the divisor where dividend and divisor have unlike signs and it is not 0."""
    rest = draft("Mod", a, b)
    unlike = draft("Not", draft("Equal", *(draft.cast(draft("Less", each, 0), INT32) for each in (a, b))))
    taken = draft("And", draft("Not", draft("Equal", rest, 0)), unlike)
    return draft("Sub", rest, draft("Mul", draft.cast(taken, a.dtype or INT32), b))


def expand_integer_sign(node: ir.Node) -> bool:
    """Sign of whole numbers: whether it is above 0, less whether it is below."""
    draft = Draft(node)
    value = draft.input()
    if value.dtype not in (INT32, ir.DataType.INT64, *SMALL):
        return False
    wide = draft.cast(value, INT32) if value.dtype in SMALL else value
    above, below = (draft.cast(draft(each, wide, 0), INT32) for each in ("Greater", "Less"))
    return draft.becomes(draft.cast(draft("Sub", above, below), value.dtype or INT32))


def expand_small_cast(node: ir.Node) -> bool:
    """Cast of real numbers to 8 bits: over 32, which cuts off towards zero, and then wraps, in every runtime."""
    draft = Draft(node)
    kind = node.outputs[0].dtype
    if draft.input().dtype != ir.DataType.FLOAT or kind not in SMALL:
        return False
    return draft.becomes(draft.cast(draft.cast(draft.input(), INT32), kind or INT32))


def _size(draft: Draft, value: ir.Value) -> ir.Value:
    if value.dtype == ir.DataType.INT64:
        return draft("Max", value, draft("Neg", value))
    return draft("Abs", value)


def expand_wide_abs(node: ir.Node) -> bool:
    """Abs of 64-bit numbers, which TFLite has no kernel for."""
    draft = Draft(node)
    if draft.input().dtype != ir.DataType.INT64:
        return False
    return draft.becomes(_size(draft, draft.input()))


def expand_clip(node: ir.Node) -> bool:
    """Clip of whole numbers -> Max and Min."""
    draft = Draft(node)
    value = draft.input()
    if value.dtype == ir.DataType.FLOAT:
        return False
    result = value
    for index, op_type in ((1, "Max"), (2, "Min")):
        if draft.has(index):
            result = draft(op_type, result, draft.input(index))
    return draft.becomes(result)


def expand_integer_power(node: ir.Node) -> bool:
    """Pow of whole numbers to constant ones: squares, multiplied where the exponent has the bit."""
    draft = Draft(node)
    base, exponents = draft.input(), array_of(draft.input(1))
    if base.dtype not in (INT32, ir.DataType.INT64) or exponents is None:
        return False
    whole = exponents.astype(np.int64)
    if (whole != exponents).any() or (whole < 0).any():
        draft.refuse("whole numbers to broken or negative powers", "Cast to float32")
    result: ir.Value | None = None
    square = base
    for bit in range(int(whole.max(initial=0)).bit_length()):
        factor = draft.where(draft.constant((whole >> bit) & 1 == 1), square, 1)
        result = factor if result is None else draft("Mul", result, factor)
        square = draft("Mul", square, square)
    if result is None:
        result = draft("Add", draft("Mul", base, 0), 1)
    return draft.becomes(result)


def expand_bit_shift(node: ir.Node) -> bool:
    """BitShift of 8-bit numbers: products with and quotients by powers of two, in 32 bits."""
    draft = Draft(node)
    value, by = draft.input(), draft.input(1)
    if value.dtype != ir.DataType.UINT8:
        return bool(
            draft.refuse(f"BitShift of {value.dtype}", "Cast to uint8, or multiply by a power of two")
        )
    table = draft.constant(2 ** np.arange(9, dtype=np.int32))
    power = draft.gather(table, draft("Min", draft.cast(by, INT32), 8))
    wide = draft.cast(value, INT32)
    if draft.text("direction", "") == "RIGHT":
        return draft.becomes(draft.cast(draft("Div", wide, power), value.dtype))
    return draft.becomes(draft.cast(draft("Mod", draft("Mul", wide, power), 256), value.dtype))
