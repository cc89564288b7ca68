"""LayerNorm, RMSNorm and L2 normalization, from their root on."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod, sqrt

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.axes import reduction_axes
from edgemm.converters.passes.recognize.place import is_closed, is_float, maker, scalar, scalar_operand
from edgemm.converters.passes.rewrite import (
    Array,
    array_of,
    constant,
    data_of,
    graph_of,
    input_of,
    insert_before,
    shape_of,
    sole_consumer,
    take_place,
)
from edgemm.quantize.functions import limit_length

LARGEST_LIMIT = 1e-6
"""Of the length that a vector is divided by at least: TFLite's operator has this one. Beyond it, the limit is more than
a guard against zeros."""


@dataclass(slots=True, eq=False)
class Match:
    """What is known of a normalization, and the nodes it consists of."""

    x: ir.Value
    axes: tuple[int, ...]
    centred: bool
    epsilon: float = 0.0
    negated: bool = False
    """mean - x is divided, in the place of x - mean."""
    inside: list[ir.Node] = field(default_factory=list)
    result: ir.Value | None = None
    scale: Array | None = None
    bias: Array | None = None


def recognize_norm(node: ir.Node) -> bool:
    """LayerNormalization, or a root mean square as ONNX Runtime fuses it; from Sqrt or Pow(., -0.5) on."""
    if maker(node.outputs[0], "Sqrt", "Pow") is None:
        return False
    inverse = node.op_type == "Pow"
    if inverse and scalar(input_of(node, 1)) != -0.5:
        return False
    found = _moment(data_of(node))
    if found is None:
        return _unit_length(node, inverse=inverse)
    found.inside.append(node)
    if found.centred:
        return _layer_norm(node, found, inverse=inverse)
    return _root_mean_square(node, found, inverse=inverse)


# the root's operand


def _moment(value: ir.Value) -> Match | None:
    """mean(x^2) + epsilon, or mean((x - mean(x))^2) + epsilon."""
    node, epsilon, inside = maker(value, "Add"), 0.0, []
    if node is not None:
        found = scalar_operand(node)
        if found is None or found[1] < 0:
            return None
        value, epsilon, inside = found[0], found[1], [node]
    mean = _mean(value)
    if mean is None:
        return None
    square = _square(mean[0])
    if square is None:
        return None
    x, axes, inside = square[0], mean[1], [*inside, *mean[2], square[1]]
    centred = _centred(x)
    if centred is not None and centred.axes == axes:
        return Match(centred.x, axes, True, epsilon, inside=[*inside, *centred.inside])
    return Match(x, axes, False, epsilon, inside=inside) if is_float(x) and epsilon > 0 else None


def _mean(value: ir.Value) -> tuple[ir.Value, tuple[int, ...], list[ir.Node]] | None:
    """The operand, the axes and the nodes of a mean that keeps its dimensions."""
    node = maker(value, "ReduceMean")
    if node is not None and node.attributes.get_int("keepdims", 1) == 1:
        return data_of(node), reduction_axes(node), [node]
    scaled = maker(value, "Mul", "Div")
    found = scalar_operand(scaled) if scaled is not None else None
    if scaled is None or found is None or found[0] is not scaled.inputs[0]:
        return None
    total = _sum(found[0])
    if total is None:
        return None
    count = prod(shape_of(total[0])[axis] for axis in total[1])
    share = found[1] if scaled.op_type == "Mul" else 1.0 / found[1] if found[1] else 0.0
    return (*total[:2], [scaled, *total[2]]) if abs(share * count - 1.0) < 1e-6 else None


def _sum(value: ir.Value) -> tuple[ir.Value, tuple[int, ...], list[ir.Node]] | None:
    node = maker(value, "ReduceSum")
    if node is None or node.attributes.get_int("keepdims", 1) != 1:
        return None
    axes = input_of(node, 1)
    return (
        (data_of(node), reduction_axes(node), [node]) if axes is None or array_of(axes) is not None else None
    )


def _square(value: ir.Value) -> tuple[ir.Value, ir.Node] | None:
    node = maker(value, "Mul", "Pow")
    if node is None:
        return None
    if node.op_type == "Mul":
        return (data_of(node), node) if node.inputs[0] is node.inputs[1] else None
    return (data_of(node), node) if scalar(input_of(node, 1)) == 2.0 else None


@dataclass(frozen=True, slots=True)
class Centred:
    """x - mean(x), or mean(x) - x."""

    x: ir.Value
    axes: tuple[int, ...]
    inside: list[ir.Node]
    negated: bool


def _centred(value: ir.Value) -> Centred | None:
    node = maker(value, "Sub")
    if node is None:
        return None
    for index in (0, 1):
        x, mean = data_of(node, index), _mean(data_of(node, 1 - index))
        if mean is not None and mean[0] is x and is_float(x):
            return Centred(x, mean[1], [node, *mean[2]], negated=index == 1)
    return None


# what the root divides


def _readers(value: ir.Value) -> list[ir.Node]:
    return list({id(node): node for node in value.consumers()}.values())


def _inverse(node: ir.Node, *, inverse: bool) -> tuple[ir.Value, list[ir.Node]] | None:
    """1 / root, where the graph computes it: its value and the node."""
    if inverse:
        return node.outputs[0], []
    readers = _readers(node.outputs[0])
    if len(readers) != 1 or readers[0].domain != "":
        return None
    reader = readers[0]
    if reader.op_type == "Reciprocal":
        return reader.outputs[0], [reader]
    if reader.op_type == "Div" and reader.inputs[1] is node.outputs[0] and scalar(input_of(reader, 0)) == 1.0:
        return reader.outputs[0], [reader]
    return None


def _quotient(node: ir.Node, match: Match, *, inverse: bool) -> tuple[ir.Value, list[ir.Node]] | None:
    """x / root, or (x - mean) / root, and the nodes behind the root."""
    turned = _inverse(node, inverse=inverse)
    value, inside = turned if turned is not None else (node.outputs[0], [])
    readers = _readers(value)
    if len(readers) != 1 or readers[0].domain != "" or value.is_graph_output():
        return None
    reader = readers[0]
    if turned is not None:
        if reader.op_type != "Mul" or reader.inputs[0] is reader.inputs[1]:
            return None
        other = data_of(reader, 0 if reader.inputs[1] is value else 1)
    else:
        if reader.op_type != "Div" or reader.inputs[1] is not value:
            return None
        other = data_of(reader)
    inside = [*inside, reader]
    if not match.centred:
        return (reader.outputs[0], inside) if other is match.x else None
    centred = _centred(other)
    if centred is None or centred.x is not match.x or centred.axes != match.axes:
        return None
    match.negated = centred.negated
    return reader.outputs[0], [*inside, *centred.inside]


# LayerNormalization


def _layer_norm(node: ir.Node, match: Match, *, inverse: bool) -> bool:
    rank = len(shape_of(match.x))
    if match.axes != tuple(range(rank - len(match.axes), rank)) or match.epsilon <= 0:
        return False
    found = _quotient(node, match, inverse=inverse)
    if found is not None:
        match.result, match.inside = found[0], [*match.inside, *found[1]]
        _take_scale_and_bias(match)
    elif not _folded(node, match, inverse=inverse):
        return False
    if match.result is None or not is_closed(match.inside, match.result):
        return False
    if shape_of(match.result) != shape_of(match.x):
        return False
    _write_layer_norm(match)
    return True


def _take_scale_and_bias(match: Match) -> None:
    """A constant factor and then a constant addend belong to the operator."""
    for op_type, name in (("Mul", "scale"), ("Add", "bias")):
        value = match.result
        node = sole_consumer(value) if value is not None else None
        if node is None or node.op_type != op_type or node.domain != "":
            return  # an addend without a factor before it is an Add of its own: LayerNormalization rounds alike
        other = data_of(node, 1 if node.inputs[0] is value else 0)
        array = _per_element(array_of(other), match)
        if array is None or shape_of(node.outputs[0]) != shape_of(match.x):
            return
        setattr(match, name, array)
        match.result = node.outputs[0]
        match.inside.append(node)


def _per_element(array: Array | None, match: Match) -> Array | None:
    """A constant in the shape of the normalized axes; None where it differs along others."""
    shape = shape_of(match.x)[match.axes[0] :]
    if array is None or array.dtype != np.float32:
        return None
    sizes = array.shape
    while len(sizes) > len(shape):
        if sizes[0] != 1:
            return None
        sizes = sizes[1:]
    try:
        return np.ascontiguousarray(np.broadcast_to(array.reshape(sizes), shape))
    except ValueError:
        return None


def _folded(node: ir.Node, match: Match, *, inverse: bool) -> bool:
    """x * g + (bias - mean * g) with g = scale / root, as Keras writes it."""
    turned = _inverse(node, inverse=inverse)
    if turned is None:
        return False
    factor, inside = turned
    readers = _readers(factor)
    scaled = len(readers) == 1 and readers[0].op_type == "Mul"
    if scaled:
        other = data_of(readers[0], 1 if readers[0].inputs[0] is factor else 0)
        match.scale = _per_element(array_of(other), match)
        if match.scale is None:
            return False
        factor, inside = readers[0].outputs[0], [*inside, readers[0]]
        readers = _readers(factor)
    return _folded_sum(factor, readers, inside, match)


def _folded_sum(factor: ir.Value, readers: list[ir.Node], inside: list[ir.Node], match: Match) -> bool:
    if len(readers) != 2 or any(each.op_type != "Mul" or each.domain != "" for each in readers):
        return False
    others = [data_of(each, 1 if each.inputs[0] is factor else 0) for each in readers]
    if others[1] is match.x:
        readers, others = readers[::-1], others[::-1]
    mean = _mean(others[1])
    if others[0] is not match.x or mean is None or mean[0] is not match.x or mean[1] != match.axes:
        return False
    rest, total = sole_consumer(readers[1].outputs[0]), sole_consumer(readers[0].outputs[0])
    if rest is None or total is None or rest.op_type != "Sub" or rest.inputs[1] is not readers[1].outputs[0]:
        return False
    match.bias = _per_element(array_of(input_of(rest, 0)), match)
    reads = {id(value) for value in total.inputs}
    wanted = {id(readers[0].outputs[0]), id(rest.outputs[0])}
    if match.bias is None or total.op_type != "Add" or reads != wanted:
        return False
    match.result = total.outputs[0]
    match.inside += [*inside, *readers, *mean[2], rest, total]
    return True


def _write_layer_norm(match: Match) -> None:
    root = match.result.producer() if match.result is not None else None
    if root is None:
        return
    graph, shape = graph_of(root), shape_of(match.x)
    scale = match.scale if match.scale is not None else np.ones(shape[match.axes[0] :], np.float32)
    scale = -scale if match.negated else scale
    inputs = [match.x, constant(graph, f"{root.name}_scale", scale)]
    if match.bias is not None:
        inputs.append(constant(graph, f"{root.name}_bias", match.bias))
    attributes = {"axis": match.axes[0], "epsilon": match.epsilon}
    made = insert_before(root, "LayerNormalization", inputs, attributes, suffix="function", shape=shape)
    take_place(root, made)


# root mean square


def _root_mean_square(node: ir.Node, match: Match, *, inverse: bool) -> bool:
    """Writes it as Pow, ReduceMean, Add, Sqrt, Div; what is so already stays."""
    found = _quotient(node, match, inverse=inverse)
    if found is None:
        return False
    result, behind = found
    root = result.producer()
    if (
        root is None
        or not is_closed([*match.inside, *behind], result)
        or shape_of(result) != shape_of(match.x)
    ):
        return False
    if _is_fused_form(node, match, root):
        return False
    _write_root_mean_square(root, match)
    return True


def _is_fused_form(node: ir.Node, match: Match, root: ir.Node) -> bool:
    kinds = {each.op_type for each in match.inside}
    return node.op_type == "Sqrt" and root.op_type == "Div" and kinds == {"Pow", "ReduceMean", "Add", "Sqrt"}


def _write_root_mean_square(root: ir.Node, match: Match) -> None:
    graph, shape = graph_of(root), shape_of(match.x)
    small = tuple(1 if axis in match.axes else size for axis, size in enumerate(shape))
    two = constant(graph, f"{root.name}_two", np.array(2.0, np.float32))
    epsilon = constant(graph, f"{root.name}_epsilon", np.array(match.epsilon, np.float32))
    square = insert_before(root, "Pow", [match.x, two], suffix="square", shape=shape)
    attributes = {"axes": list(match.axes), "keepdims": 1}
    mean = insert_before(root, "ReduceMean", [square], attributes, suffix="mean_square", shape=small)
    raised = insert_before(root, "Add", [mean, epsilon], suffix="raised", shape=small)
    size = insert_before(root, "Sqrt", [raised], suffix="root", shape=small)
    take_place(root, insert_before(root, "Div", [match.x, size], suffix="function", shape=shape))


# L2 normalization


def recognize_l2_norm(node: ir.Node) -> bool:
    """x / max(ReduceL2(x), limit)."""
    if maker(node.outputs[0], "Div") is None or len(node.inputs) != 2:
        return False
    x, inside = data_of(node), [node]
    value = data_of(node, 1)
    spread = maker(value, "Expand")
    if spread is not None:
        value, inside = data_of(spread), [*inside, spread]
    limited = _at_least(value)
    if limited is None or limited[1] > LARGEST_LIMIT:
        return False
    value, limit, inside = limited[0], limited[1], [*inside, *limited[2]]
    length = maker(value, "ReduceL2")
    if length is not None:
        if length.attributes.get_int("keepdims", 1) != 1 or data_of(length) is not x:
            return False
        return _write_l2_norm(x, reduction_axes(length), limit, [*inside, length], node)
    root = maker(value, "Sqrt")
    total = _sum(data_of(root)) if root is not None else None
    square = _square(total[0]) if total is not None else None
    if root is None or total is None or square is None or square[0] is not x:
        return False
    return _write_l2_norm(x, total[1], limit, [*inside, root, *total[2], square[1]], node)


def _at_least(value: ir.Value) -> tuple[ir.Value, float, list[ir.Node]] | None:
    """A value with a positive lower limit."""
    node = maker(value, "Max", "Clip")
    if node is None:
        return None
    if node.op_type == "Max":
        found = scalar_operand(node) if len(node.inputs) == 2 else None
        return (*found, [node]) if found is not None and found[1] > 0 else None
    low, high = scalar(input_of(node, 1)), input_of(node, 2)
    open_above = high is None or scalar(high) == float("inf") or (scalar(high) or 0.0) >= 3.4e38
    return (data_of(node), low, [node]) if low is not None and low > 0 and open_above else None


def _unit_length(node: ir.Node, *, inverse: bool) -> bool:
    """x / sqrt(max(sum(x^2), limit^2)) and x * rsqrt(max(...))."""
    limited = _at_least(data_of(node))
    total = _sum(limited[0]) if limited is not None else None
    square = _square(total[0]) if total is not None else None
    if limited is None or total is None or square is None or limited[1] > LARGEST_LIMIT**2 * (1 + 1e-6):
        return False
    match = Match(square[0], total[1], False)
    found = _quotient(node, match, inverse=inverse)
    root = found[0].producer() if found is not None else None
    if found is None or root is None:
        return False
    inside = [node, *limited[2], *total[2], square[1], *found[1]]
    return _write_l2_norm(match.x, total[1], sqrt(limited[1]), inside, root)


def _write_l2_norm(
    x: ir.Value, axes: tuple[int, ...], limit: float, inside: list[ir.Node], root: ir.Node
) -> bool:
    """Writes the operator, and beside it the limit of the source."""
    result = root.outputs[0]
    if len(axes) != 1 or not is_float(x) or shape_of(result) != shape_of(x) or not is_closed(inside, result):
        return False
    attributes = {"axis": axes[0], "p": 2}
    made = insert_before(root, "LpNormalization", [x], attributes, suffix="function", shape=shape_of(x))
    limit_length(made, limit)
    take_place(root, made)
    return True
