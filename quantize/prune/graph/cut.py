"""Removes channels from a graph: constants are cut, and operators that name sizes get new ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.quantize.prune.graph.channels import Axes, Axis
from edgemm.quantize.prune.graph.operators.shape import slice_numbers
from edgemm.quantize.prune.graph.trace import Trace, is_constant, rank, shape_of

Array = npt.NDArray[np.generic]


class Cut:
    """Which indices of every axis are left when some channels are gone."""

    def __init__(self, found: Trace, gone: Collection[int]) -> None:
        self._found = found
        self._gone = np.array(sorted(gone), np.int64)

    def kept(self, axis: Axis) -> npt.NDArray[np.int64] | None:
        """Indices that are left; None for all."""
        if axis is None or not len(self._gone):
            return None
        stays = ~np.isin(self._found.channels.roots(axis), self._gone)
        return None if stays.all() else np.flatnonzero(stays)

    def array(self, array: Array, axes: Axes) -> Array:
        """A constant without what is gone."""
        for index, axis in enumerate(axes):
            kept = self.kept(axis)
            if kept is not None:
                array = np.take(array, kept, axis=index)
        return array

    def shape(self, value: ir.Value) -> tuple[int, ...]:
        """Of a value, as it is then."""
        sizes = []
        for size, axis in zip(shape_of(value), self._found.of(value), strict=True):
            kept = self.kept(axis)
            sizes.append(size if kept is None else len(kept))
        return tuple(sizes)


def cut(
    model: ir.Model,
    found: Trace,
    gone: Collection[int],
    weights: Mapping[tuple[str, int], Array] | None = None,
) -> ir.Model:
    """A copy of the traced graph without these channels.

    Args:
        gone: channels, by the numbers that stand for them.
        weights: (node, input index) -> what stands there instead of the constant that is cut.
    """
    copy = model.clone()
    plan = Cut(found, gone)
    given = weights or {}
    pairs = list(zip(model.graph, copy.graph, strict=True))
    made: dict[ir.Value, list[ir.Value]] = {}
    for node, twin in pairs:
        for index, value in enumerate(node.inputs):
            if value is None or not is_constant(value):
                continue
            axes = found.operands.get((node, index))
            array = given.get((str(node.name), index))
            if array is None and axes is not None:
                whole: Array = value.const_value.numpy()  # type: ignore[union-attr]
                array = plan.array(whole, axes)
                array = None if array.shape == whole.shape else array
            if array is not None:
                _share(copy, twin, index, array, made.setdefault(value, []))
        if any(value is not None and value in found.axes for value in node.inputs):
            SIZES.get(node.op_type, _nothing)(copy, found, plan, node, twin)
    for node, twin in pairs:
        for value, other in zip(node.outputs, twin.outputs, strict=True):
            if value in found.axes:
                other.shape = ir.Shape(plan.shape(value))
    _drop_unused(copy)
    return copy


def _share(copy: ir.Model, twin: ir.Node, index: int, array: Array, made: list[ir.Value]) -> None:
    """Puts an array in place of a constant; users of that constant that get the same numbers share one."""
    for value in made:
        if value.const_value is not None and np.array_equal(value.const_value.numpy(), array):
            twin.replace_input_with(index, value)
            return
    made.append(_put(copy, twin, index, array))


def _put(copy: ir.Model, twin: ir.Node, index: int, array: Array) -> ir.Value:
    old = twin.inputs[index]
    stem = str(old.name) if old is not None else f"{twin.name}_{index}"
    alone = old is not None and len(old.uses()) == 1
    if alone and old is not None:
        copy.graph.initializers.pop(stem, None)
    name, count = stem, 0
    while name in copy.graph.initializers:
        count += 1
        name = f"{stem}_{count}"
    tensor = ir.tensor(np.ascontiguousarray(array), name=name)
    value = ir.Value(
        name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor
    )
    twin.replace_input_with(index, value)
    copy.graph.register_initializer(value)
    return value


def _drop_unused(copy: ir.Model) -> None:
    for name, value in list(copy.graph.initializers.items()):
        if not value.uses() and not value.is_graph_output():
            copy.graph.initializers.pop(name)


def _nothing(copy: ir.Model, found: Trace, plan: Cut, node: ir.Node, twin: ir.Node) -> None:
    """No size is named."""


def _conv(copy: ir.Model, found: Trace, plan: Cut, node: ir.Node, twin: ir.Node) -> None:
    groups = node.attributes.get_int("group", 1)
    if groups > 1 and node.inputs[0] is not None:
        left, whole = plan.shape(node.inputs[0])[1], shape_of(node.inputs[0])[1]
        twin.attributes.add(ir.AttrInt64("group", groups * left // whole))


def _shape(copy: ir.Model, found: Trace, plan: Cut, node: ir.Node, twin: ir.Node) -> None:
    _put(copy, twin, 1, np.array(plan.shape(node.outputs[0]), np.int64))


def _split(copy: ir.Model, found: Trace, plan: Cut, node: ir.Node, twin: ir.Node) -> None:
    axis = node.attributes["axis"].as_int()
    sizes = np.array([plan.shape(value)[axis] for value in node.outputs], np.int64)
    if len(twin.inputs) < 2:
        twin.resize_inputs(2)
    _put(copy, twin, 1, sizes)


def _slice(copy: ir.Model, found: Trace, plan: Cut, node: ir.Node, twin: ir.Node) -> None:
    numbers = slice_numbers(node)
    if numbers is None:
        return
    before = found.of(node.inputs[0])
    starts, ends, axes, _ = (each.copy() for each in numbers)
    for place, axis in enumerate(axes.tolist()):
        kept = plan.kept(before[axis])
        if kept is not None:
            starts[place], ends[place] = np.searchsorted(kept, [starts[place], ends[place]])
    _put(copy, twin, 1, starts.astype(np.int64))
    _put(copy, twin, 2, ends.astype(np.int64))


def _gather(copy: ir.Model, found: Trace, plan: Cut, node: ir.Node, twin: ir.Node) -> None:
    kept = plan.kept(found.of(node.inputs[0])[node.attributes.get_int("axis", 0)])
    chosen = node.inputs[1]
    if kept is None or chosen is None:
        return
    numbers = chosen.const_value.numpy()  # type: ignore[union-attr]
    size = shape_of(node.inputs[0])[node.attributes.get_int("axis", 0)]  # type: ignore[arg-type]
    numbers = numbers % size
    _put(copy, twin, 1, np.searchsorted(kept, numbers[np.isin(numbers, kept)]).astype(np.int64))


def _resize(copy: ir.Model, found: Trace, plan: Cut, node: ir.Node, twin: ir.Node) -> None:
    if len(node.inputs) > 3 and node.inputs[3] is not None and rank(node.inputs[3]) == 1:
        axes = node.attributes.get_ints("axes") or range(rank(node.outputs[0]))
        shape = plan.shape(node.outputs[0])
        _put(copy, twin, 3, np.array([shape[axis] for axis in axes], np.int64))


SIZES: Mapping[str, Callable[[ir.Model, Trace, Cut, ir.Node, ir.Node], None]] = {
    "Conv": _conv,
    "ConvTranspose": _conv,
    "Expand": _shape,
    "Gather": _gather,
    "Reshape": _shape,
    "Resize": _resize,
    "Slice": _slice,
    "Split": _split,
}
"""Operators that name sizes or places, and what gives them new ones."""
