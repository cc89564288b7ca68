"""Graphs that are quantized already become float ones; the ranges that they tell are kept.

A DequantizeLinear of a constant is folded; a QuantizeLinear whose integers are only ever made real again goes,
and its range is noted; operators on integers become operators on real numbers between the two. What is left,
where integers are seen from outside, is written out in arithmetic.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import (
    Array,
    array_of,
    bypass,
    data_of,
    nodes_of,
    shape_of,
    sole_consumer,
)

DECLARED = "edgemm.declared_ranges"
"""Metadata of the model: {value: [low, high]} as JSON."""
LIMITS = {
    ir.DataType.INT8: (-128, 127),
    ir.DataType.UINT8: (0, 255),
    ir.DataType.INT16: (-32768, 32767),
    ir.DataType.UINT16: (0, 65535),
}
FLOAT, INT32 = ir.DataType.FLOAT, ir.DataType.INT32


def read_quantized(model: ir.Model) -> int:
    """Brings every operator of quantized graphs to float.

    Precondition: constants are folded as far as they can be, shapes are static.

    Returns:
        How many nodes changed.
    """
    count = sum(_dynamic_layer(node) for node in nodes_of(model, "MatMulInteger", "ConvInteger"))
    count += sum(expand(node) for name, expand in INTEGER.items() for node in nodes_of(model, name))
    ranges = declared_ranges(model)
    for node in nodes_of(model, "QuantizeLinear"):
        count += _remove_pair(node, ranges)
    for name, expand in REAL.items():
        count += sum(expand(node) for node in nodes_of(model, name))
    if ranges:
        model.metadata_props[DECLARED] = json.dumps(ranges, sort_keys=True)
    return count


def declared_ranges(model: ir.Model) -> dict[str, tuple[float, float]]:
    """Value name -> the smallest and largest number that the source's grid for it had."""
    found = json.loads(model.metadata_props.get(DECLARED, "{}"))
    return {str(name): (float(low), float(high)) for name, (low, high) in found.items()}


def _remove_pair(node: ir.Node, ranges: dict[str, tuple[float, float]]) -> bool:
    """QuantizeLinear read by nothing but DequantizeLinears of the same grid: both go."""
    output = node.outputs[0]
    readers = output.consumers()
    grid = _grid(node)
    if output.is_graph_output() or not readers or grid is None or grid[0].size != 1:
        return False
    for reader in readers:
        other = _grid(reader) if reader.op_type == "DequantizeLinear" else None
        if other is None or not all(np.array_equal(a, b) for a, b in zip(grid, other, strict=True)):
            return False
    source = data_of(node)
    scale, zero_point = float(grid[0].reshape(())), int(grid[1].reshape(()))
    low, high = LIMITS.get(output.dtype or ir.DataType.INT8, (-128, 127))
    for reader in readers:
        if not bypass(reader, source):
            draft = Draft(reader)
            draft.becomes(draft.copy(source))
    if not output.uses():
        ranges[str(source.name)] = ((low - zero_point) * scale, (high - zero_point) * scale)
        node.graph.remove(node, safe=True)  # type: ignore[union-attr]
    return True


def _grid(node: ir.Node) -> tuple[Array, Array] | None:
    """Constant scale and zero point; None when they are computed."""
    draft = Draft(node)
    scale = array_of(draft.input(1))
    if scale is None:
        return None
    if not draft.has(2):
        return scale, np.zeros(scale.shape, np.int64)
    zero_point = array_of(draft.input(2))
    return None if zero_point is None else (scale, zero_point.astype(np.int64))


def _dynamic_layer(node: ir.Node) -> bool:
    """DynamicQuantizeLinear, a product of integers, and both scales -> the product of real numbers."""
    maker = data_of(node).producer()
    draft = Draft(node)
    weights = array_of(draft.input(1))
    points = array_of(draft.input(3)) if draft.has(3) else None
    if maker is None or maker.op_type != "DynamicQuantizeLinear" or weights is None:
        return False
    if (draft.has(3) and points is None) or not draft.has(2) or draft.input(2) is not maker.outputs[2]:
        return False
    scaled = _scaled(node, maker.outputs[1])
    if scaled is None:
        return False
    end, steps = scaled
    zero = np.zeros((), np.float32) if points is None else points.astype(np.float32)
    by_row = (-1, *(1,) * (weights.ndim - 1))
    if node.op_type == "ConvInteger":
        zero, steps = (each.reshape(by_row) if each.size > 1 else each for each in (zero, steps))
    real = draft.constant(((weights.astype(np.float32) - zero) * steps).astype(np.float32))
    source = data_of(maker)
    if node.op_type == "MatMulInteger":
        made = draft.matmul(source, real)
    else:
        attributes = {name: attribute.value for name, attribute in node.attributes.items()}
        made = draft.op("Conv", [source, real], shape_of(node.outputs[0]), FLOAT, **attributes)
    end.outputs[0].replace_all_uses_with(made, replace_graph_outputs=True)
    made.name, end.outputs[0].name = end.outputs[0].name, f"{made.name}_unused"
    return True


def _scaled(node: ir.Node, scale: ir.Value) -> tuple[ir.Node, Array] | None:
    """The Mul that makes sums of integers real, and the scale of the weights; None for another pattern."""
    after = sole_consumer(node.outputs[0])
    if after is None or after.op_type != "Cast":
        return None
    end = sole_consumer(after.outputs[0])
    if end is None or end.op_type != "Mul":
        return None
    other = data_of(end, 1 if end.inputs[0] is after.outputs[0] else 0).producer()
    if other is None or other.op_type != "Mul" or scale not in other.inputs:
        return None
    steps = array_of(data_of(other, 1 if other.inputs[0] is scale else 0))
    return None if steps is None else (end, steps)


# operators on integers: between DequantizeLinear and QuantizeLinear


def _real(draft: Draft, index: int, axis: int | None = None) -> ir.Value:
    """Inputs index, index + 1 (scale), index + 2 (zero point), made real."""
    attributes = {} if axis is None else {"axis": axis}
    inputs = [draft.input(each) for each in (index, index + 1, index + 2)]
    return draft.op("DequantizeLinear", inputs, shape_of(inputs[0]), FLOAT, **attributes)


def _integers(draft: Draft, value: ir.Value, index: int) -> ir.Value:
    """`value` on the grid of inputs index (scale) and index + 1 (zero point)."""
    inputs = [value, draft.input(index), draft.input(index + 1)]
    return draft.op("QuantizeLinear", inputs, shape_of(value), draft.input(index + 1).dtype)


def _qlinear_matmul(node: ir.Node) -> bool:
    draft = Draft(node)
    product = draft.matmul(_real(draft, 0), _real(draft, 3))
    return draft.becomes(_integers(draft, product, 6))


def _qlinear_conv(node: ir.Node) -> bool:
    draft = Draft(node)
    weights = _real(draft, 3, 0 if len(shape_of(draft.input(4))) == 1 else None)
    inputs = [_real(draft, 0), weights]
    bias = draft.known(8)
    if bias is not None:
        scales = [draft.known(1), draft.known(4)]
        if any(each is None for each in scales):
            draft.refuse("a bias beside computed scales", "Give the float model")
        step = np.prod([np.asarray(each, np.float64) for each in np.broadcast_arrays(*scales)], axis=0)  # type: ignore[arg-type]
        inputs.append(draft.constant((bias * step).astype(np.float32)))
    attributes = {name: attribute.value for name, attribute in node.attributes.items()}
    made = draft.op("Conv", inputs, shape_of(node.outputs[0]), FLOAT, **attributes)
    return draft.becomes(_integers(draft, made, 6))


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


# what is left, in arithmetic


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
    if kind not in LIMITS:
        draft.refuse(f"QuantizeLinear to {kind}", "Use int8 or uint8, or give the float model")
    steps = draft("Round", draft("Div", value, _along(draft, draft.input(1), shape)))
    if draft.has(2):
        steps = draft("Add", steps, _along(draft, draft.input(2), shape))
    low, high = LIMITS[kind]
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


INTEGER: dict[str, Callable[[ir.Node], bool]] = {
    "ConvInteger": _conv_integer,
    "MatMulInteger": _matmul_integer,
    "QLinearConv": _qlinear_conv,
    "QLinearMatMul": _qlinear_matmul,
}
REAL: dict[str, Callable[[ir.Node], bool]] = {
    "DequantizeLinear": _dequantize,
    "DynamicQuantizeLinear": _dynamic_quantize,
    "QuantizeLinear": _quantize,
}
