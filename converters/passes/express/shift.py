"""Shifts of signed numbers, and unsigned words as signed ones of the same bits.

torch shifts int64 as uint64, which no runtime on a device computes with: the words stay signed, and shifts are
quotients by and products with powers of two.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.express.bits import raised
from edgemm.converters.passes.rewrite import Array, array_of

INT32, INT64 = ir.DataType.INT32, ir.DataType.INT64
SIGNED = {ir.DataType.UINT32: INT32, ir.DataType.UINT64: INT64}
"""Unsigned -> signed of the same bits."""
ALIKE = frozenset({
    "Add", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Cast", "Concat", "Equal", "Expand",
    "Gather", "Identity", "Mul", "Reshape", "Slice", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where",
})  # fmt: skip
"""Operators that do the same to the bits of both."""


def use_signed_words(model: ir.Model) -> int:
    """Unsigned words that come from signed ones, and go back to them, stay signed.

    Precondition: constants are initializers, shapes and types are known.

    Returns:
        How many nodes changed.
    """
    return sum(_sign(model, kind) for kind in SIGNED)


def _sign(model: ir.Model, kind: ir.DataType) -> int:
    graph, signed = model.graph, SIGNED[kind]
    nodes = [
        node
        for node in graph
        if any(value is not None and value.dtype == kind for value in (*node.inputs, *node.outputs))
    ]
    ports = [value.dtype for value in (*graph.inputs, *graph.outputs)]
    if not nodes or kind in ports or not all(_is_alike(node, kind) for node in nodes):
        return 0
    for value in (*graph.initializers.values(), *(output for node in nodes for output in node.outputs)):
        if value.dtype == kind:
            array = array_of(value)
            if array is not None:
                value.const_value = ir.tensor(array.view(signed.numpy()), name=value.name)
            value.type = ir.TensorType(signed)
    for node in nodes:
        if node.op_type == "Cast" and node.attributes["to"].as_int() in (kind, signed):
            draft = Draft(node)
            draft.becomes(draft.copy(draft.input()))
        elif node.op_type == "BitShift":
            _shift(Draft(node), logical=True)
    return len(nodes)


def _is_alike(node: ir.Node, kind: ir.DataType) -> bool:
    if node.domain != "" or node.op_type not in ALIKE:
        return False
    if node.op_type != "Cast":
        return True
    kinds = {each.dtype for each in (*node.inputs, *node.outputs) if each is not None}
    return kinds <= {kind, SIGNED[kind]}


def expand_signed_shift(node: ir.Node) -> bool:
    """BitShift of signed numbers: to the right, the sign comes after."""
    return _shift(Draft(node), logical=False)


def _shift(draft: Draft, *, logical: bool) -> bool:
    kind = draft.input().dtype
    working = INT64 if kind == INT64 else INT32
    value, by = (draft.cast(draft.input(index), working) for index in (0, 1))
    bits = 64 if working == INT64 else 32
    if draft.text("direction", "") == "LEFT":
        powers = [(1 << k) - (1 << bits) * (k == bits - 1) for k in range(bits)] + [0]
        made = draft("Mul", value, _of(draft, by, powers, working))
    else:
        made = _to_the_right(draft, value, by, bits, logical=logical)
    return draft.becomes(draft.cast(made, kind or working))


def _to_the_right(draft: Draft, value: ir.Value, by: ir.Value, bits: int, *, logical: bool) -> ir.Value:
    """The quotient without the sign, and the sign's share of it."""
    kind, last = value.dtype or INT32, bits - 1
    quotient = draft(
        "Div", raised(draft, value), _of(draft, by, [1 << min(k, last - 1) for k in range(bits + 1)], kind)
    )
    inside = draft("Mul", quotient, _of(draft, by, [int(k < last) for k in range(bits + 1)], kind))
    sign = 1 if logical else -1
    end = 0 if logical else -1
    shares = [0, *(sign << (last - k) for k in range(1, bits)), end]
    share = draft("Mul", _of(draft, by, shares, kind), draft.cast(draft("Less", value, 0), kind))
    still = draft("Equal", by, 0)
    return draft.where(still, value, draft("Add", inside, share))


def _of(draft: Draft, by: ir.Value, table: list[int], kind: ir.DataType) -> ir.Value:
    """What the table has for each shift; beyond its end, and for negative ones, the last."""
    numbers: Array = np.array(table, np.int64).astype(kind.numpy())
    known, last = array_of(by), len(table) - 1
    if known is not None:
        return draft.constant(numbers[np.where((known < 0) | (known > last), last, known)])
    within = draft.where(draft("Less", by, 0), draft.constant(last, by.dtype), draft("Min", by, last))
    return draft.gather(draft.constant(numbers), draft.cast(within, INT64))
