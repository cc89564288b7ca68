"""Normalizations in sums and products.

https://onnx.ai/onnx/operators/onnx__LayerNormalization.html and its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import (
    array_of,
    constant,
    graph_of,
    input_of,
    insert_before,
    shape_of,
    take_place,
)
from edgemm.converters.tflite.expand.norm_scale import into_readers


class Normalized:
    """(x - mean) / sqrt(variance + epsilon) over some axes, written in front of a node.

    TFLite has 1 / sqrt as one operator, and a product costs less than a quotient."""

    def __init__(self, node: ir.Node, source: ir.Value, axes: Sequence[int]) -> None:
        shape = shape_of(source)
        small = tuple(1 if index in axes else size for index, size in enumerate(shape))
        attributes = {"axes": list(axes), "keepdims": 1}
        epsilon = constant(
            graph_of(node),
            f"{node.name}_epsilon",
            np.array(node.attributes.get_float("epsilon", 1e-5), np.float32),
        )
        self.mean = insert_before(node, "ReduceMean", [source], attributes, suffix="mean", shape=small)
        off = insert_before(node, "Sub", [source, self.mean], suffix="centred", shape=shape)
        square = insert_before(node, "Mul", [off, off], suffix="squared", shape=shape)
        variance = insert_before(node, "ReduceMean", [square], attributes, suffix="variance", shape=small)
        raised = insert_before(node, "Add", [variance, epsilon], suffix="raised", shape=small)
        self.deviation = insert_before(node, "Sqrt", [raised], suffix="deviation", shape=small)
        one = constant(graph_of(node), f"{node.name}_one", np.array(1.0, np.float32))
        self.inverse = insert_before(node, "Div", [one, self.deviation], suffix="inverse", shape=small)
        self.result = insert_before(node, "Mul", [off, self.inverse], suffix="unit", shape=shape)


def expand_root_quotient(node: ir.Node) -> bool:
    """x / sqrt(y) with y smaller than x: x * (1 / sqrt(y)), of which TFLite has the second as one operator."""
    source, root = node.inputs[0], node.inputs[1]
    maker = root.producer() if root is not None else None
    if source is None or root is None or maker is None or maker.op_type != "Sqrt" or maker.domain != "":
        return False
    if source.const_value is not None or len(shape_of(root)) != len(shape_of(source)):
        return False
    if prod(shape_of(root)) >= prod(shape_of(source)):
        return False
    one = constant(graph_of(node), f"{node.name}_one", np.array(1.0, np.float32))
    inverse = insert_before(node, "Div", [one, root], suffix="inverse", shape=shape_of(root))
    take_place(
        node, insert_before(node, "Mul", [source, inverse], suffix="times", shape=shape_of(node.outputs[0]))
    )
    return True


def expand_layer_norm(node: ir.Node) -> bool:
    """LayerNormalization: over the axes from `axis` on, then scale and bias, which go into the layers that read it
    where only such do; its mean and deviation too."""
    source, scale = node.inputs[0], node.inputs[1]
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    if source is None or scale is None:
        return False
    shape = shape_of(source)
    axis = node.attributes.get_int("axis", -1) % len(shape)
    scaled, shifted = _is_not(scale, 1.0), bias is not None and _is_not(bias, 0.0)
    if (scaled or shifted) and axis == len(shape) - 1 and _moved_on(node):
        scaled = shifted = False
    unit = Normalized(node, source, range(axis, len(shape)))
    result = unit.result
    if scaled:
        result = insert_before(node, "Mul", [result, scale], suffix="scaled", shape=shape)
    if shifted:
        result = insert_before(node, "Add", [result, bias], suffix="shifted", shape=shape)
    if len(node.outputs) > 1 and _used(node.outputs[1]):
        _replace(node.outputs[1], unit.mean)
    if len(node.outputs) > 2 and _used(node.outputs[2]):
        _replace(node.outputs[2], unit.inverse)
    take_place(node, result)
    return True


def _is_not(value: ir.Value, number: float) -> bool:
    array = array_of(value)
    return array is None or bool((array != number).any())


def _moved_on(node: ir.Node) -> bool:
    """Scale and bias, where they are known, are in the layers behind now."""
    channels = shape_of(node.outputs[0])[-1]
    arrays = [array_of(input_of(node, index)) for index in (1, 2)]
    if arrays[0] is None or (arrays[1] is None and input_of(node, 2) is not None):
        return False
    scale = np.broadcast_to(arrays[0], (channels,))
    return into_readers(node, scale, np.zeros(channels) if arrays[1] is None else arrays[1])


def _used(value: ir.Value) -> bool:
    return bool(value.uses()) or value.is_graph_output()


def _replace(old: ir.Value, value: ir.Value) -> None:
    """`value` is read instead of `old`, and has its name."""
    name = old.name
    old.replace_all_uses_with(value, replace_graph_outputs=True)
    old.name, value.name = f"{name}_unused", name


def expand_instance_norm(node: ir.Node) -> bool:
    """InstanceNormalization: over the spatial axes, then scale and bias by channel."""
    source, scale, bias = node.inputs[0], node.inputs[1], node.inputs[2]
    if source is None or scale is None or bias is None:
        return False
    shape, graph = shape_of(source), graph_of(node)
    wide = (shape[1], *(1,) * (len(shape) - 2))
    sizes = constant(graph, f"{node.name}_sizes", np.array(wide, np.int64))
    unit = Normalized(node, source, range(2, len(shape)))
    factor = insert_before(node, "Reshape", [scale, sizes], suffix="scale_by_channel", shape=wide)
    addend = insert_before(node, "Reshape", [bias, sizes], suffix="bias_by_channel", shape=wide)
    scaled = insert_before(node, "Mul", [unit.result, factor], suffix="scaled", shape=shape)
    take_place(node, insert_before(node, "Add", [scaled, addend], suffix="shifted", shape=shape))
    return True


def expand_lp_norm(node: ir.Node) -> bool:
    """LpNormalization: x / sum(|x|), or x / sqrt(sum(x^2)); zeros stay zeros."""
    source = node.inputs[0]
    power = node.attributes.get_int("p", 2)
    if source is None or power not in (1, 2) or power == 2:
        return False  # TFLite's own L2_NORMALIZATION
    shape = shape_of(source)
    axis = node.attributes.get_int("axis", -1) % len(shape)
    small = tuple(1 if index == axis else size for index, size in enumerate(shape))
    operator = "ReduceL1" if power == 1 else "ReduceL2"
    norm = insert_before(
        node, operator, [source], {"axes": [axis], "keepdims": 1}, suffix="norm", shape=small
    )
    graph = graph_of(node)
    zero = constant(graph, f"{node.name}_zero", np.array(0.0, np.float32))
    one = constant(graph, f"{node.name}_one", np.array(1.0, np.float32))
    nothing = insert_before(
        node, "Equal", [norm, zero], suffix="nothing", shape=small, dtype=ir.DataType.BOOL
    )
    safe = insert_before(
        node, "Where", [nothing, one, norm], suffix="not_zero", shape=small, dtype=ir.DataType.FLOAT
    )
    take_place(node, insert_before(node, "Div", [source, safe], suffix="unit", shape=shape))
    return True


def expand_hardmax(node: ir.Node) -> bool:
    """Hardmax: 1 where the first of the largest stands, else 0."""
    source = node.inputs[0]
    if source is None:
        return False
    shape, graph = shape_of(source), graph_of(node)
    axis = node.attributes.get_int("axis", -1) % len(shape)
    small = tuple(1 if index == axis else size for index, size in enumerate(shape))
    places = np.arange(shape[axis], dtype=np.int64).reshape(
        [-1 if i == axis else 1 for i in range(len(shape))]
    )
    numbers = constant(graph, f"{node.name}_places", places)
    attributes = {"axis": axis, "keepdims": 1}
    kind = ir.DataType.INT64
    largest = insert_before(node, "ArgMax", [source], attributes, suffix="place", shape=small, dtype=kind)
    there = insert_before(
        node, "Equal", [numbers, largest], suffix="there", shape=shape, dtype=ir.DataType.BOOL
    )
    real = ir.DataType.FLOAT
    take_place(
        node, insert_before(node, "Cast", [there], {"to": int(real)}, suffix="one", shape=shape, dtype=real)
    )
    return True


def expand_mean_variance(node: ir.Node) -> bool:
    """MeanVarianceNormalization over its axes, as ONNX defines it: 1e-9 is added to the deviation."""
    draft = Draft(node)
    value = draft.input()
    shape = shape_of(value)
    axes = sorted(axis % len(shape) for axis in draft.integers("axes", (0, 2, 3)))
    share = 1.0 / prod(shape[axis] for axis in axes)
    off = draft("Sub", value, draft("Mul", draft.sum(value, axes, keep=True), share))
    variance = draft("Mul", draft.sum(draft("Mul", off, off), axes, keep=True), share)
    return draft.becomes(draft("Div", off, draft("Add", draft("Sqrt", variance), 1e-9)))


def expand_determinant(node: ir.Node) -> bool:
    """Det of matrices of at most three rows: Laplace's formula."""
    draft = Draft(node)
    value = draft.input()
    shape = shape_of(value)
    size, rows = shape[-1], draft.reshape(value, (-1, shape[-1] ** 2))
    if size > 3:
        draft.refuse(f"Det of {size} rows", "Compute it on the host, or of at most three rows")
    entry = [draft.slice(rows, each, each + 1, 1) for each in range(size**2)]

    def two(a: int, b: int, c: int, d: int) -> ir.Value:
        return draft("Sub", draft("Mul", entry[a], entry[d]), draft("Mul", entry[b], entry[c]))

    if size == 3:
        first = draft("Mul", entry[0], two(4, 5, 7, 8))
        second = draft("Mul", entry[1], two(3, 5, 6, 8))
        third = draft("Mul", entry[2], two(3, 4, 6, 7))
        found = draft("Add", draft("Sub", first, second), third)
    else:
        found = two(0, 1, 2, 3) if size == 2 else entry[0]
    return draft.becomes(draft.reshape(found, shape[:-2]))
