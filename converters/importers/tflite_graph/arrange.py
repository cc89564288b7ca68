"""Operators that move, join, cut and repeat elements."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.importers.tflite_graph.elementwise import common_layout
from edgemm.converters.importers.tflite_graph.file import Operator
from edgemm.converters.importers.tflite_graph.parts import joined
from edgemm.converters.importers.tflite_graph.sketch import Held, Sketch, identity


def reshape(sketch: Sketch, op: Operator) -> None:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: to the sizes that LiteRT computes."""
    held, shape = sketch.held(op.inputs[0]), sketch.shape(op.outputs[0])
    own = sketch.shape(op.inputs[0])
    order = [axis for axis in held.perm if own[axis] != 1]
    value = held.value if order == sorted(order) else sketch.read(op.inputs[0])
    content = value.const_value
    if content is not None:
        sketch.alias(
            op.outputs[0], Held(sketch.constant(content.numpy().reshape(shape)), identity(len(shape)))
        )
        return
    sketch.write(op.outputs[0], sketch.reshape(value, shape))


def transpose(sketch: Sketch, op: Operator) -> None:
    """TRANSPOSE: another layout of the same value."""
    order = sketch.numbers(op.inputs[1], "permutation")
    held = sketch.held(op.inputs[0])
    order = [each % len(held.perm) for each in order]
    value = sketch.node("Transpose", [sketch.read(op.inputs[0])], perm=order)
    sketch.write(op.outputs[0], value)


def concat(sketch: Sketch, op: Operator) -> None:
    """CONCATENATION."""
    rank = len(sketch.shape(op.outputs[0]))
    if sketch.is_listed(op.outputs[0]) and not op.option("fusedActivationFunction"):
        along = int(op.option("axis")) % rank
        sketch.consists(op.outputs[0], joined(along, [sketch.parts(index, along) for index in op.inputs]))
        return
    perm = common_layout(sketch, op.inputs, rank)
    axis = perm.index(int(op.option("axis")) % rank)
    value = sketch.node("Concat", [sketch.read(index, perm) for index in op.inputs], axis=axis)
    sketch.write(op.outputs[0], value, perm, activation=op.option("fusedActivationFunction"))


def pack(sketch: Sketch, op: Operator) -> None:
    """PACK: each operand gets a new axis."""
    rank = len(sketch.shape(op.outputs[0]))
    axis = int(op.option("axis")) % rank
    at = sketch.constant(np.array([axis], np.int64))
    parts = [sketch.node("Unsqueeze", [sketch.read(index), at]) for index in op.inputs]
    sketch.write(op.outputs[0], sketch.node("Concat", parts, axis=axis))


def unpack(sketch: Sketch, op: Operator) -> None:
    """UNPACK: an axis goes."""
    axis = int(op.option("axis")) % len(sketch.shape(op.inputs[0]))
    value = sketch.read(op.inputs[0])
    at = sketch.constant(np.array([axis], np.int64))
    parts = [value] if len(op.outputs) == 1 else _divided(sketch, value, [1] * len(op.outputs), axis)
    for index, part in zip(op.outputs, parts, strict=True):
        sketch.write(index, sketch.node("Squeeze", [part, at]))


def _divided(sketch: Sketch, value: ir.Value, sizes: list[int], axis: int) -> list[ir.Value]:
    lengths = sketch.constant(np.array(sizes, np.int64))
    return sketch.many("Split", [value, lengths], len(sizes), axis=axis)


def split(sketch: Sketch, op: Operator) -> None:
    """SPLIT, SPLIT_V."""
    data, at = (1, 0) if op.code == "SPLIT" else (0, 2)
    axis = sketch.numbers(op.inputs[at], "axis")[0] % len(sketch.shape(op.inputs[data]))
    held = sketch.held(op.inputs[data])
    sizes = [sketch.shape(index)[axis] for index in op.outputs]
    if len(sizes) == 1:
        sketch.write(op.outputs[0], held.value, held.perm)
        return
    parts = _divided(sketch, held.value, sizes, held.perm.index(axis))
    for index, part in zip(op.outputs, parts, strict=True):
        sketch.write(index, part, held.perm)


def pad(sketch: Sketch, op: Operator) -> None:
    """PAD, PADV2, MIRROR_PAD."""
    held = sketch.held(op.inputs[0])
    sizes = sketch.known(op.inputs[1], "padding").reshape(-1, 2).astype(np.int64)
    turned = sizes[list(held.perm)].T.reshape(-1)
    inputs = [held.value, sketch.constant(turned)]
    mode = "constant"
    if op.code == "MIRROR_PAD":
        mode = "reflect"
        if int(op.option("mode")) == 1:
            _symmetric(sketch, op, sizes)
            return
    if op.code == "PADV2":
        inputs.append(sketch.reshape(sketch.read(op.inputs[2]), ()))
    sketch.write(op.outputs[0], sketch.node("Pad", inputs, mode=mode), held.perm)


def _symmetric(sketch: Sketch, op: Operator, sizes: np.ndarray) -> None:
    """The edge itself is repeated: picked by index."""
    value, shape = sketch.read(op.inputs[0]), sketch.shape(op.inputs[0])
    for axis, (before, after) in enumerate(sizes):
        if before or after:
            places = np.pad(np.arange(shape[axis]), (int(before), int(after)), mode="symmetric")
            value = sketch.node("Gather", [value, sketch.constant(places.astype(np.int64))], axis=axis)
    sketch.write(op.outputs[0], value)


def tile(sketch: Sketch, op: Operator) -> None:
    """TILE."""
    repeats = sketch.constant(np.array(sketch.numbers(op.inputs[1], "repeats"), np.int64))
    sketch.write(op.outputs[0], sketch.node("Tile", [sketch.read(op.inputs[0]), repeats]))


def broadcast_to(sketch: Sketch, op: Operator) -> None:
    """BROADCAST_TO."""
    shape = sketch.constant(np.array(sketch.shape(op.outputs[0]), np.int64))
    sketch.write(op.outputs[0], sketch.node("Expand", [sketch.read(op.inputs[0]), shape]))


def fill(sketch: Sketch, op: Operator) -> None:
    """FILL and ZEROS_LIKE."""
    shape = sketch.shape(op.outputs[0])
    if op.code == "ZEROS_LIKE":
        kind = np.dtype(sketch.tensor(op.outputs[0]).kind)
        sketch.alias(op.outputs[0], Held(sketch.constant(np.zeros(shape, kind)), identity(len(shape))))
        return
    sizes = sketch.constant(np.array(shape, np.int64))
    sketch.write(op.outputs[0], sketch.node("Expand", [sketch.read(op.inputs[1]), sizes]))


def shape_of(sketch: Sketch, op: Operator) -> None:
    """SHAPE and RANK: known, since all sizes are."""
    shape = sketch.shape(op.inputs[0])
    content = np.array(len(shape)) if op.code == "RANK" else np.array(shape)
    kind = np.dtype(sketch.tensor(op.outputs[0]).kind)
    sketch.alias(op.outputs[0], Held(sketch.constant(content.astype(kind)), identity(content.ndim)))


def reverse(sketch: Sketch, op: Operator) -> None:
    """REVERSE_V2."""
    rank = len(sketch.shape(op.inputs[0]))
    axes = [each % rank for each in sketch.numbers(op.inputs[1], "axes")]
    lists = [[-1] * len(axes), [-(1 << 31)] * len(axes), axes, [-1] * len(axes)]
    limits = [sketch.constant(np.array(each, np.int64)) for each in lists]
    sketch.write(op.outputs[0], sketch.node("Slice", [sketch.read(op.inputs[0]), *limits]))


def slice_(sketch: Sketch, op: Operator) -> None:
    """SLICE: size -1 is to the end."""
    begins = sketch.numbers(op.inputs[1], "begin")
    wanted = sketch.shape(op.outputs[0])
    cut = [axis for axis, size in enumerate(sketch.shape(op.inputs[0])) if size != wanted[axis]]
    if sketch.is_listed(op.outputs[0]) and len(cut) == 1:
        begin, rows = begins[cut[0]], wanted[cut[0]]
        sketch.consists(op.outputs[0], sketch.parts(op.inputs[0], cut[0]).cut(begin, begin + rows))
        return
    held = sketch.held(op.inputs[0])
    starts = [begins[axis] for axis in held.perm]
    ends = [begins[axis] + wanted[axis] for axis in held.perm]
    limits = [sketch.constant(np.array(each, np.int64)) for each in (starts, ends, range(len(begins)))]
    sketch.write(op.outputs[0], sketch.node("Slice", [held.value, *limits]), held.perm)


def update_slice(sketch: Sketch, op: Operator) -> None:
    """DYNAMIC_UPDATE_SLICE: a block of the first operand is the second; one that would not fit begins earlier."""
    shape, block = sketch.shape(op.inputs[0]), sketch.shape(op.inputs[1])
    places = zip(sketch.numbers(op.inputs[2], "start"), shape, block, strict=True)
    starts = [min(max(start, 0), whole - size) for start, whole, size in places]
    axes = [axis for axis, size in enumerate(block) if size != shape[axis]]
    if not axes or 0 in block:
        held = sketch.held(op.inputs[0 if 0 in block else 1])
        sketch.write(op.outputs[0], held.value, held.perm)
    elif sketch.is_listed(op.outputs[0]) and len(axes) == 1:
        whole, axis = sketch.parts(op.inputs[0], axes[0]), axes[0]
        start, stop = starts[axis], starts[axis] + block[axis]
        around = whole.cut(0, start), whole.cut(stop, shape[axis])
        made = joined(axis, [around[0], sketch.parts(op.inputs[1], axis), around[1]])
        sketch.consists(op.outputs[0], made)
    else:
        old, new = sketch.read(op.inputs[0]), sketch.read(op.inputs[1])
        sketch.write(
            op.outputs[0], _updated(sketch, old, new, [(a, shape[a], starts[a], block[a]) for a in axes])
        )


def _updated(
    sketch: Sketch, old: ir.Value, new: ir.Value, places: list[tuple[int, int, int, int]]
) -> ir.Value:
    """Axis by axis (axis, whole size, start, size): what is before, what is replaced along the other axes, what is
    behind."""
    if not places:
        return new
    axis, whole, start, size = places[0]
    inner = old if len(places) == 1 else sketch.rows(old, whole, axis, start, start + size)
    blocks = [_updated(sketch, inner, new, places[1:])]
    if start > 0:
        blocks.insert(0, sketch.rows(old, whole, axis, 0, start))
    if start + size < whole:
        blocks.append(sketch.rows(old, whole, axis, start + size, whole))
    return sketch.node("Concat", blocks, axis=axis)


def strided_slice(sketch: Sketch, op: Operator) -> None:
    """STRIDED_SLICE with all its masks."""
    if op.option("offset", False):
        sketch.refuse("has ends that are offsets", "Export the model without them")
    begins, ends, steps = (
        sketch.numbers(op.inputs[place], what) for place, what in ((1, "begin"), (2, "end"), (3, "strides"))
    )
    masks = {
        name: int(op.option(f"{name}Mask")) for name in ("begin", "end", "ellipsis", "newAxis", "shrinkAxis")
    }
    shape = sketch.shape(op.inputs[0])
    lists: list[list[int]] = [[], [], [], []]
    axis = 0
    for place, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        bit = 1 << place
        if masks["ellipsis"] & bit:
            later = range(place + 1, len(begins))
            axis = len(shape) - sum(not masks["newAxis"] & (1 << each) for each in later)
            continue
        if masks["newAxis"] & bit:
            continue
        size = shape[axis]
        if masks["shrinkAxis"] & bit:
            start = begin % size
            limits = (start, start + 1, 1)
        else:
            start = (0 if step > 0 else size - 1) if masks["begin"] & bit else begin
            stop = (size if step > 0 else -(1 << 31)) if masks["end"] & bit else end
            limits = (start, stop, step)
        if limits != (0, size, 1):
            for each, number in zip(lists, (limits[0], limits[1], axis, limits[2]), strict=True):
                each.append(number)
        axis += 1
    value = sketch.read(op.inputs[0])
    if lists[0]:
        value = sketch.node("Slice", [value, *(sketch.constant(np.array(each, np.int64)) for each in lists)])
    if masks["newAxis"] or masks["shrinkAxis"]:
        value = sketch.reshape(value, sketch.shape(op.outputs[0]))
    sketch.write(op.outputs[0], value)
