"""Compress, one-hot rows, writes into a cache, and minimum and maximum of truth values."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import shape_of

INT = ir.DataType.INT64


def expand_compress(node: ir.Node) -> bool:
    """Compress by a constant condition -> Gather."""
    draft = Draft(node)
    condition = draft.known(1)
    if condition is None:
        return False
    value = draft.input()
    axis = node.attributes.get_int("axis", 0)
    if "axis" not in node.attributes:
        value = draft.reshape(value, (-1,))
    picked = np.flatnonzero(condition).astype(np.int64)
    found = draft.gather(value, picked, axis % len(shape_of(value)))
    node.outputs[0].shape = ir.Shape(shape_of(found))
    return draft.becomes(found)


def expand_one_hot(node: ir.Node) -> bool:
    """OneHot of a constant depth: where the number is its place along a new axis."""
    draft = Draft(node)
    depth = draft.known(1)
    if depth is None:
        return False
    count = int(depth.reshape(-1)[0])
    numbers, values = draft.cast(draft.input(), INT), draft.input(2)
    shape = shape_of(numbers)
    axis = draft.integer("axis", -1) % (len(shape) + 1)
    wrapped = draft.where(draft("Less", numbers, 0), draft("Add", numbers, count), numbers)
    column = draft.reshape(wrapped, (*shape[:axis], 1, *shape[axis:]))
    places = np.arange(count).reshape([-1 if each == axis else 1 for each in range(len(shape) + 1)])
    off, on = (draft.reshape(draft.slice(values, each, each + 1, 0), ()) for each in (0, 1))
    return draft.becomes(draft.where(draft("Equal", column, places), on, off))


def expand_tensor_scatter(node: ir.Node) -> bool:
    """TensorScatter: a cache, and an update from a place of its own in each sequence on."""
    draft = Draft(node)
    cache, update = draft.input(), draft.input(1)
    shape, rank = shape_of(cache), len(shape_of(cache))
    axis = draft.integer("axis", -2) % rank
    longest, steps = shape[axis], shape_of(update)[axis]
    first = draft.cast(draft.input(2), INT) if draft.has(2) else draft.constant(np.zeros(shape[0], np.int64))
    start = draft.reshape(first, (shape[0], *(1,) * (rank - 1)))
    line = np.arange(steps).reshape([-1 if each == axis else 1 for each in range(rank)])
    places = draft("Add", start, line)
    if draft.text("mode", "linear") == "circular":
        places = draft.op("Mod", [places, draft.constant(longest, INT)], shape_of(places), INT)
    whole = draft("Add", places, np.zeros(shape_of(update), np.int64))
    return draft.becomes(draft.op("ScatterElements", [cache, whole, update], shape, cache.dtype, axis=axis))


def expand_bool_extreme(node: ir.Node) -> bool:
    """ReduceMax and ReduceMin of truth values: of zeros and ones."""
    draft = Draft(node)
    kind = ir.DataType.INT32
    if 0 in shape_of(draft.input()):
        empty = np.full(shape_of(node.outputs[0]), node.op_type == "ReduceMin")
        return draft.becomes(draft.copy(draft.constant(empty)))
    ones = draft.cast(draft.input(), kind)
    attributes = {name: attribute.value for name, attribute in node.attributes.items()}
    found = draft.op(node.op_type, [ones, *node.inputs[1:]], (), kind, **attributes)
    return draft.becomes(draft.op("Cast", [found], (), ir.DataType.BOOL, to=int(ir.DataType.BOOL)))
