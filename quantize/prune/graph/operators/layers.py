"""Convolutions, fully connected layers and matrix products: where channels begin, and where they are summed up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir

from edgemm.quantize.prune.graph.channels import Axes, Axis
from edgemm.quantize.prune.graph.trace import Layer, Operator, Trace, is_constant, shape_of, unknown


def conv(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Conv and ConvTranspose; with groups, all channels of one group are removed together."""
    value, kernel = node.inputs[0], node.inputs[1]
    if value is None or kernel is None or not is_constant(kernel):
        return unknown(found, node)
    before = found.of(value)
    found.close(node, *before[:1], *before[2:])
    groups = node.attributes.get_int("group", 1)
    count = shape_of(node.outputs[0])[1]
    out = found.channels.new(count)
    into = before[1]
    transposed = node.op_type == "ConvTranspose"
    rest = (None,) * (len(shape_of(kernel)) - 2)
    if groups == 1:
        found.layers.append(Layer(node, out, into))
        found.operands[node, 1] = (into, out, *rest) if transposed else (out, into, *rest)
    else:
        into = _groups(found, node, into, out, groups)
        found.operands[node, 1] = (into if transposed else out, None, *rest)
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        found.operands[node, 2] = (out,)
    return [(None, out, *(None,) * (len(before) - 2))]


def _groups(found: Trace, node: ir.Node, into: Axis, out: Axis, groups: int) -> Axis:
    if into is None:
        into = found.channels.closed(shape_of(node.inputs[0])[1])  # type: ignore[arg-type]
    if out is None:
        return into
    for ins, outs in zip(into.reshape(groups, -1), out.reshape(groups, -1), strict=True):
        found.channels.join_all([*ins.tolist(), *outs.tolist()])
    return into


def gemm(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """A fully connected layer: weight [out, in]."""
    before = found.of(node.inputs[0])
    out = found.channels.new(shape_of(node.outputs[0])[1])
    found.layers.append(Layer(node, out, before[1]))
    found.operands[node, 1] = (out, before[1])
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        found.operands[node, 2] = (out,)
    return [(before[0], out)]


def matmul(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """A layer where the right side is a constant matrix; else a product of tensors, whose leading axes go on."""
    left, right = node.inputs[0], node.inputs[1]
    if left is None or right is None or min(len(shape_of(left)), len(shape_of(right))) < 2:
        return unknown(found, node)
    if is_constant(right) and len(shape_of(right)) == 2:
        before = found.of(left)
        out = found.channels.new(shape_of(right)[1])
        found.layers.append(Layer(node, out, before[-1]))
        found.operands[node, 1] = (before[-1], out)
        return [(*before[:-1], out)]
    if is_constant(left) or is_constant(right):
        return unknown(found, node)
    return [_product(found, node, left, right)]


def _product(found: Trace, node: ir.Node, left: ir.Value, right: ir.Value) -> Axes:
    """Of two computed tensors. What it sums over stays, because no layer behind it could make up for that."""
    a, b = found.of(left), found.of(right)
    found.close(node, a[-1], b[-2])
    count = len(shape_of(node.outputs[0]))
    leading = []
    for index in range(count - 2):
        sides = []
        for value, axes in ((left, a), (right, b)):
            place = index - count + len(axes)
            if place >= 0 and shape_of(value)[place] != 1:
                sides.append(axes[place])
        leading.append(found.join(node, sides))
    return (*leading, a[-2], b[-1])


OPERATORS: Mapping[str, Operator] = {"Conv": conv, "ConvTranspose": conv, "Gemm": gemm, "MatMul": matmul}
