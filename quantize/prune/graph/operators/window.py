"""Pools, resizes, pads, norms and reductions: channels go on, the axes that are computed over must stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from edgemm.quantize.prune.graph.channels import Axes, Axis
from edgemm.quantize.prune.graph.trace import Operator, Trace, is_constant, rank, shape_of, unknown


def spatial(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Pools and the like: axis 1 goes on; batch and places are not cut."""
    before = found.of(node.inputs[0])
    found.close(node, *before[:1], *before[2:])
    return [(None, before[1], *(None,) * (len(before) - 2))] + [(None,) * rank(v) for v in node.outputs[1:]]


def instance_norm(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Each channel by itself, with a constant scale and bias."""
    if not all(is_constant(value) for value in node.inputs[1:]):
        return unknown(found, node)
    made = spatial(found, node)
    for index in (1, 2):
        found.operands[node, index] = (made[0][1],)
    return made


def resize(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Axes that keep their size go on."""
    before = found.of(node.inputs[0])
    sizes, after = shape_of(node.inputs[0]), shape_of(node.outputs[0])  # type: ignore[arg-type]
    made: list[Axis] = []
    for axis, size, new in zip(before, sizes, after, strict=True):
        if size != new or (len(node.inputs) > 1 and node.inputs[1] is not None):
            found.close(node, axis)
            axis = None
        made.append(axis)
    return [tuple(made)]


def pad(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Channels that padding adds stay."""
    pads = node.inputs[1]
    if pads is None or not is_constant(pads) or len(node.inputs) > 3:
        return unknown(found, node)
    numbers = pads.const_value.numpy().tolist()  # type: ignore[union-attr]
    before = found.of(node.inputs[0])
    constant = node.attributes.get_string("mode", "constant") == "constant"
    made: list[Axis] = []
    for index, axis in enumerate(before):
        start, end = numbers[index], numbers[index + len(before)]
        if axis is not None and (start or end):
            if not constant or min(start, end) < 0:
                found.close(node, axis)
                axis = None
            else:
                axis = np.concatenate([found.channels.closed(start), axis, found.channels.closed(end)])
        made.append(axis)
    return [tuple(made)]


def reduce(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """What is summed over must stay; the other axes go on."""
    before = found.of(node.inputs[0])
    axes: Sequence[int] | None = node.attributes.get_ints("axes")
    if len(node.inputs) > 1 and node.inputs[1] is not None:
        if not is_constant(node.inputs[1]):
            return unknown(found, node)
        axes = node.inputs[1].const_value.numpy().tolist()  # type: ignore[union-attr]
    chosen = {axis % len(before) for axis in (axes if axes is not None else range(len(before)))}
    return [_without(found, node, before, chosen, keep=node.attributes.get_int("keepdims", 1) == 1)]


def arg(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """The place of the largest number along an axis, which stays."""
    before = found.of(node.inputs[0])
    axis = node.attributes.get_int("axis", 0) % len(before)
    return [_without(found, node, before, {axis}, keep=node.attributes.get_int("keepdims", 1) == 1)]


def _without(found: Trace, node: ir.Node, before: Axes, chosen: set[int], *, keep: bool) -> Axes:
    found.close(node, *(before[axis] for axis in chosen))
    return tuple(
        None if index in chosen else axis for index, axis in enumerate(before) if keep or index not in chosen
    )


def along(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Softmax and the like: the axis stays, the others go on."""
    before = found.of(node.inputs[0])
    axis = node.attributes.get_int("axis", -1) % len(before)
    found.close(node, before[axis])
    return [(*before[:axis], None, *before[axis + 1 :])]


def layer_norm(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """What it normalizes over stays: each of these channels changes all others."""
    before = found.of(node.inputs[0])
    axis = node.attributes.get_int("axis", -1) % len(before)
    found.close(node, *before[axis:])
    kept = (*before[:axis], *(None,) * (len(before) - axis))
    return [kept] + [(None,) * rank(value) for value in node.outputs[1:]]


REDUCTIONS = (
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSum", "ReduceSumSquare",
)  # fmt: skip
OPERATORS: Mapping[str, Operator] = {
    **dict.fromkeys(("AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool", "MaxPool"), spatial),
    **dict.fromkeys(REDUCTIONS, reduce),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), along),
    **dict.fromkeys(("ArgMax", "ArgMin"), arg),
    "InstanceNormalization": instance_norm,
    "LayerNormalization": layer_norm,
    "Pad": pad,
    "Resize": resize,
}
