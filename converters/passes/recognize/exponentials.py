"""Sigmoid as 1 / (1 + e^-x), Softplus as log(1 + e^x), with the branches that exporters add."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.recognize.place import is_closed, is_float, maker, scalar, scalar_operand
from edgemm.converters.passes.rewrite import data_of, input_of, insert_before, shape_of, take_place
from edgemm.quantize.functions import is_written_out

STRAIGHT = 17.0
"""From here on log(1 + e^x) is x in float32."""


def recognize_sigmoid(node: ir.Node) -> bool:
    """1 / (1 + e^-x) is Sigmoid(x), y / (1 + e^-x) is y Sigmoid(x)."""
    if is_written_out(node):
        return False
    found = _one_and_power(data_of(node, 0 if node.op_type == "Reciprocal" else 1))
    if found is None:
        return False
    argument, inside = found
    opposite = maker(argument, "Neg")
    x = data_of(opposite) if opposite is not None else _times_minus_one(argument)
    if x is None or shape_of(x) != shape_of(argument) or not is_float(x):
        return False
    negation = argument.producer()
    inside = [*inside, *([negation] if negation is not None else []), node]
    result = node.outputs[0]
    if not is_closed(inside, result):
        return False
    made = insert_before(node, "Sigmoid", [x], suffix="function", shape=shape_of(x))
    if node.op_type == "Div" and scalar(input_of(node, 0)) != 1.0:
        made = insert_before(node, "Mul", [data_of(node), made], suffix="gated", shape=shape_of(result))
    elif shape_of(result) != shape_of(x):
        return False
    take_place(node, made)
    return True


def _times_minus_one(value: ir.Value) -> ir.Value | None:
    node = maker(value, "Mul", "Div")
    found = scalar_operand(node) if node is not None else None
    if node is None or found is None or found[1] != -1.0 or found[0] is not node.inputs[0]:
        return None
    return found[0]


def _one_and_power(value: ir.Value) -> tuple[ir.Value, list[ir.Node]] | None:
    """The z of 1 + e^z, and the nodes."""
    node = maker(value, "Add")
    found = scalar_operand(node) if node is not None else None
    if node is None or found is None or found[1] != 1.0:
        return None
    power = maker(found[0], "Exp")
    if power is None or shape_of(power.outputs[0]) != shape_of(value):
        return None
    return data_of(power), [node, power]


def recognize_softplus(node: ir.Node) -> bool:
    """log(1 + e^x), the choice of x itself where x is large, and max(x, 0) + log(1 + e^-|x|)."""
    if is_written_out(node):
        return False
    if node.op_type == "Where":
        return _straightened(node)
    found = _one_and_power(data_of(node))
    if found is None:
        return False
    x, inside = found
    result, root, inside = node.outputs[0], node, [*inside, node]
    stable = _stable(node, x)
    if stable is not None:
        x, root, more = stable
        result, inside = root.outputs[0], [*inside, *more]
    if not is_float(x) or not is_closed(inside, result) or shape_of(result) != shape_of(x):
        return False
    take_place(root, insert_before(root, "Softplus", [x], suffix="function", shape=shape_of(x)))
    return True


def _stable(node: ir.Node, argument: ir.Value) -> tuple[ir.Value, ir.Node, list[ir.Node]] | None:
    """Behind log(1 + e^-|x|): x, the sum with max(x, 0), and the nodes between."""
    opposite = maker(argument, "Neg")
    size = maker(data_of(opposite) if opposite is not None else None, "Abs")
    readers = node.outputs[0].consumers()
    if opposite is None or size is None or len(readers) != 1 or readers[0].op_type != "Add":
        return None
    total = readers[0]
    for value in total.inputs:
        above = maker(value, "Relu", "Max", "Clip")
        if above is not None and data_of(above) is data_of(size) and _is_relu(above):
            return data_of(size), total, [opposite, size, above, total]
    return None


def _is_relu(node: ir.Node) -> bool:
    if node.op_type == "Relu":
        return True
    return scalar(input_of(node, 1)) == 0.0 and input_of(node, 2) is None


def _straightened(node: ir.Node) -> bool:
    """Where(x > 20, x, Softplus(x)) is Softplus(x)."""
    asked, large, small = (data_of(node, index) for index in range(3))
    condition, softplus = maker(asked, "Greater", "GreaterOrEqual"), maker(small, "Softplus")
    if condition is None or softplus is None:
        return False
    x, limit = data_of(softplus), scalar(input_of(condition, 1))
    if data_of(condition) is not x or large is not x or limit is None or limit < STRAIGHT:
        return False
    if shape_of(node.outputs[0]) != shape_of(x) or not is_closed(
        [node, condition, softplus], node.outputs[0]
    ):
        return False
    take_place(node, insert_before(node, "Softplus", [x], suffix="function", shape=shape_of(x)))
    return True
