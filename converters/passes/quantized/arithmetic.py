"""What is left of quantized graphs: integers that are seen from outside are computed, in arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.quantized.pairs import ENDS
from edgemm.converters.passes.rewrite import nodes_of, shape_of

FLOAT, INT32 = ir.DataType.FLOAT, ir.DataType.INT32
COMPUTED = (ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16, ir.DataType.UINT16)


def compute_products(model: ir.Model) -> int:
    """Products of integers whose sums are read as integers are computed on real numbers.

    Returns:
        How many there were.
    """
    return sum(expand(node) for name, expand in PRODUCTS.items() for node in nodes_of(model, name))


def compute_integers(model: ir.Model) -> int:
    """QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear in arithmetic.

    Returns:
        How many there were.

    Raises:
        UnsupportedOperator: a type of less than 8 bits, or an 8-bit float.
    """
    return sum(expand(node) for name, expand in REAL.items() for node in nodes_of(model, name))


def _without_zero_point(draft: Draft, index: int, zero: int, *, rows: bool = False) -> ir.Value:
    """An integer input as a real number, its zero point taken off."""
    value = draft.cast(draft.input(index), FLOAT)
    if not draft.has(zero):
        return value
    point = draft.cast(draft.input(zero), FLOAT)
    if rows and len(shape_of(point)) == 1:
        point = draft.reshape(point, (-1, *(1,) * (len(shape_of(value)) - 1)))
    return draft("Sub", value, point)


def _matmul_integer(node: ir.Node) -> bool:
    draft = Draft(node)
    left = _without_zero_point(draft, 0, 2)
    product = draft.matmul(left, _without_zero_point(draft, 1, 3))
    return draft.becomes(draft.cast(product, INT32))


def _conv_integer(node: ir.Node) -> bool:
    draft = Draft(node)
    inputs = [_without_zero_point(draft, 0, 2), _without_zero_point(draft, 1, 3, rows=True)]
    attributes = {name: attribute.value for name, attribute in node.attributes.items()}
    made = draft.op("Conv", inputs, shape_of(node.outputs[0]), FLOAT, **attributes)
    return draft.becomes(draft.cast(made, INT32))


def _along(draft: Draft, value: ir.Value, shape: tuple[int, ...]) -> ir.Value:
    """Scales or zero points, in float and shaped to meet the numbers: one, one by axis, or one by block."""
    found = draft.cast(value, FLOAT)
    own = shape_of(found)
    if len(own) == 0 or own == (1,):
        return draft.reshape(found, ())
    axis = draft.integer("axis", 1) % len(shape)
    if len(own) == 1 and not draft.integer("block_size", 0):
        return draft.reshape(found, [-1 if each == axis else 1 for each in range(len(shape))])
    size = draft.integer("block_size", 0)
    return draft.gather(found, np.arange(shape[axis]) // size, axis)


def _quantize(node: ir.Node) -> bool:
    """QuantizeLinear: divided, rounded to even, moved, limited."""
    draft = Draft(node)
    value = draft.input()
    shape, kind = shape_of(value), node.outputs[0].dtype
    if kind not in COMPUTED:
        draft.refuse(f"QuantizeLinear to {kind}", "Use int8 or uint8, or give the float model")
    steps = draft("Round", draft("Div", value, _along(draft, draft.input(1), shape)))
    if draft.has(2):
        steps = draft("Add", steps, _along(draft, draft.input(2), shape))
    low, high = ENDS[kind]
    limited = draft("Min", draft("Max", steps, float(low)), float(high))
    return draft.becomes(draft.cast(draft.cast(limited, INT32), kind))


def _dequantize(node: ir.Node) -> bool:
    """DequantizeLinear of computed integers."""
    draft = Draft(node)
    value = draft.input()
    shape = shape_of(value)
    number = draft.cast(value, FLOAT)
    if draft.has(2):
        number = draft("Sub", number, _along(draft, draft.input(2), shape))
    return draft.becomes(draft("Mul", number, _along(draft, draft.input(1), shape)))


def _dynamic_quantize(node: ir.Node) -> bool:
    """DynamicQuantizeLinear: https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html"""
    draft = Draft(node)
    value = draft.input()
    flat = draft.reshape(value, (1, -1))
    ends = []
    for name in ("ReduceMax", "ReduceMin"):
        # the last element of TopK would do too; extremes over one axis keep the form of every opset
        top = draft.op(
            "TopK",
            [flat, draft.constant(np.array([1], np.int64))],
            (1, 1),
            FLOAT,
            axis=1,
            largest=int(name == "ReduceMax"),
        )
        producer = top.producer()
        if producer is not None:
            producer.resize_outputs(2)
            producer.outputs[1].type = ir.TensorType(ir.DataType.INT64)
            producer.outputs[1].name = f"{top.name}_place"
        ends.append(draft.reshape(top, ()))
    high, low = draft("Max", ends[0], 0.0), draft("Min", ends[1], 0.0)
    span = draft("Sub", high, low)
    scale = draft("Div", draft.where(draft("Equal", span, 0.0), 1.0, span), 255.0)
    zero = draft("Round", draft("Min", draft("Max", draft("Div", draft("Sub", 0.0, low), scale), 0.0), 255.0))
    steps = draft("Add", draft("Round", draft("Div", value, scale)), zero)
    limited = draft("Min", draft("Max", steps, 0.0), 255.0)
    kind = ir.DataType.UINT8
    if draft.used(1):
        draft.replace(1, scale)
    if draft.used(2):
        draft.replace(2, draft.cast(draft.cast(zero, INT32), kind))
    return draft.becomes(draft.cast(draft.cast(limited, INT32), kind))


PRODUCTS: dict[str, Callable[[ir.Node], bool]] = {
    "ConvInteger": _conv_integer,
    "MatMulInteger": _matmul_integer,
}
REAL: dict[str, Callable[[ir.Node], bool]] = {
    "DequantizeLinear": _dequantize,
    "DynamicQuantizeLinear": _dynamic_quantize,
    "QuantizeLinear": _quantize,
}
