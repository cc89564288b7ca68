"""Operators that move numbers: reshapes, transposes, joins, slices. Channels go where the numbers go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from edgemm.quantize.prune.graph.channels import Axes, Axis
from edgemm.quantize.prune.graph.trace import Operator, Trace, is_constant, rank, shape_of, unknown


def transpose(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Axes in another order."""
    before = found.of(node.inputs[0])
    return [tuple(before[each] for each in node.attributes["perm"].as_ints())]


def reshape(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Axes that are merged or divided. Where one is divided, channels that land on one index are removed together."""
    value = node.inputs[0]
    if value is None:
        return unknown(found, node)
    before, shape = found.of(value), shape_of(value)
    made: list[Axis] = []
    for ins, outs in _segments(shape, shape_of(node.outputs[0])):
        last = (
            all(size == 1 for size in shape[ins[-1] + 1 :]) and sum(shape[i] > 1 for i in ins) == 1
            if ins
            else False
        )
        made += _segment(found, node, [before[i] for i in ins], [shape[i] for i in ins], outs, last=last)
    return [tuple(made)]


def _segments(before: Sequence[int], after: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Runs of axes whose sizes have one product: (axes before, sizes after)."""
    found: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(before) or j < len(after):
        ins, outs = ([i] if i < len(before) else []), ([after[j]] if j < len(after) else [])
        i, j = i + 1, j + 1
        product_in = before[ins[0]] if ins else 1
        product_out = outs[0] if outs else 1
        while product_in != product_out:
            if product_in < product_out and i < len(before):
                product_in *= before[i]
                ins.append(i)
                i += 1
            else:
                product_out *= after[j]
                outs.append(after[j])
                j += 1
        found.append((ins, outs))
    return found


def _segment(
    found: Trace, node: ir.Node, axes: list[Axis], sizes: list[int], after: list[int], *, last: bool
) -> list[Axis]:
    known = [place for place, axis in enumerate(axes) if axis is not None]
    if not known:
        return [None] * len(after)
    axis = axes[known[0]]
    if len(known) > 1 or not after or axis is None:
        found.close(node, *axes)
        return [None] * len(after)
    place = known[0]
    spread = axis.reshape([-1 if index == place else 1 for index in range(len(sizes))])
    numbers = np.broadcast_to(spread, sizes).reshape(after)
    chosen = _home(numbers, after, last=last)
    if chosen is None:
        found.close(node, axis)
        return [None] * len(after)
    rows = np.moveaxis(numbers, chosen, 0).reshape(after[chosen], -1)
    for row in rows:
        found.channels.join_all(dict.fromkeys(row.tolist()))
    return [rows[:, 0].copy() if index == chosen else None for index in range(len(after))]


def _home(numbers: np.ndarray, after: Sequence[int], *, last: bool) -> int | None:
    """The axis that channels go on along. Attention divides its width into (heads, size), (3, width) or
    (3, heads, size), 3 for queries, keys and values: it is the heads; else the axis that leaves most channels apart."""
    wide = [index for index, size in enumerate(after) if size > 1]
    if len(wide) <= 1:
        return wide[0] if wide else None
    if last:
        return wide[1] if len(wide) == 3 or after[wide[0]] == 3 else wide[0]
    return max(wide, key=lambda index: (_apart(np.moveaxis(numbers, index, 0)), -index))


def _apart(numbers: np.ndarray) -> int:
    """Into how many sets rows with channels in common fall."""
    sets: list[set[int]] = []
    for row in numbers.reshape(len(numbers), -1):
        mine = set(row.tolist())
        others = [each for each in sets if not each & mine]
        sets = [*others, mine.union(*(each for each in sets if each & mine))]
    return len(sets)


def concat(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Joined along one axis, where the channels keep their places one behind the other."""
    axis = node.attributes["axis"].as_int()
    values = [value for value in node.inputs if value is not None]
    count = len(shape_of(node.outputs[0]))
    along = [found.of(value)[axis] for value in values]
    made: list[Axis] = []
    for index in range(count):
        if index == axis:
            made.append(_behind(found, values, along, axis))
        else:
            made.append(found.join(node, [found.of(v)[index] for v in values if not is_constant(v)]))
    for number, value in enumerate(node.inputs):
        if is_constant(value):
            found.operands[node, number] = tuple(
                None if index == axis else made[index] for index in range(count)
            )
    return [tuple(made)]


def _behind(found: Trace, values: Sequence[ir.Value], along: Sequence[Axis], axis: int) -> Axis:
    if all(each is None for each in along):
        return None
    parts = [
        found.channels.closed(shape_of(value)[axis]) if each is None else each
        for value, each in zip(values, along, strict=True)
    ]
    return np.concatenate(parts)


def split(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Parts along one axis."""
    before, axis = found.of(node.inputs[0]), node.attributes["axis"].as_int()
    made, at = [], 0
    for value in node.outputs:
        size = shape_of(value)[axis]
        along = before[axis]
        part = None if along is None else along[at : at + size]
        made.append((*before[:axis], part, *before[axis + 1 :]))
        at += size
    return made


def slice_(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Constant slices; a step other than 1 along channels is not followed."""
    numbers = slice_numbers(node)
    if numbers is None:
        return unknown(found, node)
    made = list(found.of(node.inputs[0]))
    for start, end, axis, step in zip(*(each.tolist() for each in numbers), strict=True):
        along = made[axis]
        if along is None:
            continue
        if step != 1:
            found.close(node, along)
            made[axis] = None
        else:
            made[axis] = along[start:end]
    return [tuple(made)]


def slice_numbers(node: ir.Node) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """starts, ends, axes >= 0 and steps of a constant Slice; starts and ends within the axis where the step is 1."""
    value, given = node.inputs[0], node.inputs[1:]
    if value is None or any(each is not None and not is_constant(each) for each in given):
        return None
    arrays = [None if each is None else each.const_value.numpy() for each in given]  # type: ignore[union-attr]
    arrays += [None] * (4 - len(arrays))
    starts, ends, axes, steps = arrays
    if starts is None or ends is None:
        return None
    shape = shape_of(value)
    axes = np.arange(len(starts)) if axes is None else axes % len(shape)
    steps = np.ones(len(axes), np.int64) if steps is None else steps
    sizes = np.array([shape[axis] for axis in axes.tolist()])

    def inside(places: np.ndarray) -> np.ndarray:
        bounded = np.clip(np.where(places < 0, places + sizes, places), 0, sizes)
        return np.where(steps == 1, bounded, places)

    return inside(starts), inside(ends), axes, steps


def gather(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Chosen by constant numbers."""
    value, chosen = node.inputs[0], node.inputs[1]
    if value is None or is_constant(value) or not is_constant(chosen) or chosen is None:
        return unknown(found, node)
    axis, before = node.attributes.get_int("axis", 0), found.of(value)
    numbers = chosen.const_value.numpy()  # type: ignore[union-attr]
    along = before[axis]
    middle: tuple[Axis, ...] = (None,) * numbers.ndim
    if along is not None:
        if numbers.ndim == 1 and len(np.unique(numbers)) == len(numbers):
            middle = (along[numbers],)
        else:
            found.close(node, along)
    return [(*before[:axis], *middle, *before[axis + 1 :])]


def expand(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Broadcast to a constant shape."""
    before, shape = found.of(node.inputs[0]), shape_of(node.outputs[0])
    if is_constant(node.inputs[0]):
        return unknown(found, node)
    return [(*(None,) * (len(shape) - len(before)), *before)]


def depth_to_space(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Channels that become one channel of more pixels are removed together."""
    before = found.of(node.inputs[0])
    found.close(node, *before[:1], *before[2:])
    along = before[1]
    if along is None:
        return [(None,) * 4]
    square = node.attributes["blocksize"].as_int() ** 2
    first = node.attributes.get_string("mode", "DCR") == "DCR"
    rows = along.reshape(square, -1).T if first else along.reshape(-1, square)
    for row in rows:
        found.channels.join_all(row.tolist())
    return [(None, rows[:, 0].copy(), None, None)]


def space_to_depth(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Each channel becomes several, block after block."""
    before = found.of(node.inputs[0])
    found.close(node, *before[:1], *before[2:])
    along = before[1]
    square = node.attributes["blocksize"].as_int() ** 2
    return [(None, None if along is None else np.tile(along, square), None, None)]


def shape_only(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Reads sizes, which must then stay."""
    found.close_value(node, node.inputs[0])
    return [(None,) * rank(node.outputs[0])]


OPERATORS: Mapping[str, Operator] = {
    "Concat": concat,
    "DepthToSpace": depth_to_space,
    "Expand": expand,
    "Gather": gather,
    "Reshape": reshape,
    "Shape": shape_only,
    "Slice": slice_,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Transpose": transpose,
}
