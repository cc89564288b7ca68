"""GELU in both forms, HardSwish and HardSigmoid, in any order of their factors and addends."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose, pi, sqrt

import onnx_ir as ir

from edgemm.converters.passes.recognize.place import close, is_closed, is_float, scalar
from edgemm.converters.passes.recognize.polynomial import MAX_DEPTH, Expansion, Polynomial, matches
from edgemm.converters.passes.rewrite import (
    data_of,
    input_of,
    insert_before,
    shape_of,
    sole_consumer,
    take_place,
)
from edgemm.quantize.functions import DOMAIN, is_written_out
from edgemm.quantize.fusion import bounds

STEEP = sqrt(2.0 / pi)
CUBIC = 0.044715
GATED: Polynomial = {(1, 0): 0.5, (1, 1): 0.5}
"""0.5 x (1 + f)."""
ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Pow", "Neg")


def recognize_activation(node: ir.Node) -> bool:
    """From a node of f on: what is the function that it is a part of?"""
    if is_written_out(node):
        return False
    if node.op_type in ("Clip", "Min"):
        return _hard(node)
    if node.op_type == "HardSigmoid":
        return _hard_swish(node, data_of(node), *_line(node))
    return any(_gelu(node, x) for x in _operands(data_of(node)))


def _operands(value: ir.Value) -> Iterator[ir.Value]:
    """The value, and those that it is computed from by arithmetic, nearest first."""
    waiting, seen = [(value, 0)], set()
    while waiting:
        each, depth = waiting.pop(0)
        if id(each) in seen or not is_float(each):
            continue
        seen.add(id(each))
        yield each
        node = each.producer()
        if node is not None and node.domain == "" and node.op_type in ARITHMETIC and depth < MAX_DEPTH:
            waiting += [(inner, depth + 1) for inner in node.inputs if inner is not None]


def _results(value: ir.Value) -> Iterator[ir.Value]:
    """What arithmetic makes of the value, nearest first."""
    for _ in range(MAX_DEPTH):
        uses = {id(node): node for node in value.consumers()}
        if value.is_graph_output() or len(uses) != 1:
            return
        node = next(iter(uses.values()))
        if node.domain != "" or node.op_type not in ARITHMETIC:
            return
        value = node.outputs[0]
        yield value


def _gelu(node: ir.Node, x: ir.Value) -> bool:
    """x is what the function is of."""
    expansion = Expansion(x)
    argument = expansion.of(data_of(node))
    kind = _kind(node.op_type, argument)
    if kind is None:
        return False
    wanted: Polynomial = GATED if node.op_type != "Sigmoid" else {(1, 1): 1.0}
    if kind < 0:
        wanted = {(1, 0): 0.5, (1, 1): -0.5}
    op_type = "Gelu" if node.op_type == "Erf" else "FastGelu"
    inside = [*expansion.inside, node]
    return _replace(node, x, inside, wanted, op_type, DOMAIN)


def _kind(op_type: str, argument: Polynomial | None) -> int | None:
    """1: the argument is that of a GELU; -1: it is that with the other sign; None: it is another."""
    steep = 2.0 * STEEP if op_type == "Sigmoid" else STEEP
    for sign in (1, -1):
        if op_type == "Erf" and matches(argument, {(1, 0): sign * sqrt(0.5)}):
            return sign
        if op_type == "Erf" or argument is None or (op_type == "Sigmoid" and sign < 0):
            continue
        terms = {powers for powers, each in argument.items() if each != 0.0}
        if terms == {(1, 0), (3, 0)}:
            first, third = argument[1, 0], argument[3, 0]
            if close(first, sign * steep) and _is_cubic(third / first):
                return sign
    return None


def _is_cubic(ratio: float) -> bool:
    """The quotient of two rounded products."""
    return close(ratio, CUBIC) or isclose(ratio, CUBIC, rel_tol=5e-5)


def _replace(
    node: ir.Node,
    x: ir.Value,
    inside: list[ir.Node],
    wanted: Polynomial,
    op_type: str,
    domain: str = "",
) -> bool:
    """Looks for the value that is `wanted` of x and the node's output, and puts the operator in its place."""
    f = node.outputs[0]
    for result in _results(f):
        expansion = Expansion(x, f)
        if not matches(expansion.of(result), wanted):
            continue
        root = result.producer()
        whole = [*inside, *expansion.inside]
        if root is None or shape_of(result) != shape_of(x) or not is_closed(whole, result):
            return False
        made = insert_before(root, op_type, [x], suffix="function", shape=shape_of(x), domain=domain)
        take_place(root, made)
        return True
    return False


# hard functions


def _hard(node: ir.Node) -> bool:
    """A line between 0 and a limit: HardSigmoid, and times x: HardSwish."""
    found = _limited(node)
    if found is None:
        return False
    value, top, limiting = found
    lines = []
    for x in _operands(value):
        expansion = Expansion(x)
        line = expansion.of(value)
        if line is None or not set(line) <= {(0, 0), (1, 0)} or not line.get((1, 0)):
            continue
        alpha, beta = line[1, 0] / top, line.get((0, 0), 0.0) / top
        inside = [*limiting, *expansion.inside]
        if _hard_swish(node, x, alpha, beta, 1.0 / top, inside):
            return True
        if x is not value:
            lines.append((x, alpha, beta, inside))
    return any(_hard_sigmoid(node, x, alpha, beta, top, inside) for x, alpha, beta, inside in reversed(lines))


def _limited(node: ir.Node) -> tuple[ir.Value, float, list[ir.Node]] | None:
    """What is limited to 0..top, and by which nodes: one Clip, or Min and Max or Relu."""
    if node.op_type == "Clip":
        limits = bounds(node)
        if limits is None or limits[0] != 0.0 or not 0.0 < limits[1] < float("inf"):
            return None
        return data_of(node), limits[1], [node]
    for index in (0, 1):
        top, inner = scalar(input_of(node, index)), input_of(node, 1 - index)
        maker = inner.producer() if inner is not None else None
        if len(node.inputs) != 2 or maker is None or maker.domain != "" or top is None or top <= 0:
            continue
        if maker.op_type == "Relu":
            return data_of(maker), top, [node, maker]
        if maker.op_type == "Max" and len(maker.inputs) == 2:
            for side in (0, 1):
                if scalar(input_of(maker, side)) == 0.0:
                    return data_of(maker, 1 - side), top, [node, maker]
    return None


def _line(node: ir.Node) -> tuple[float, float]:
    return node.attributes.get_float("alpha", 0.2), node.attributes.get_float("beta", 0.5)


def _hard_swish(
    node: ir.Node,
    x: ir.Value,
    alpha: float,
    beta: float,
    share: float = 1.0,
    inside: list[ir.Node] | None = None,
) -> bool:
    """x times a HardSigmoid of slope 1/6 around 1/2.

    Args:
        share: what the node's output has to be multiplied by to end at 1.
    """
    if not close(alpha, 1 / 6) or not close(beta, 0.5):
        return False
    return _replace(node, x, inside or [node], {(1, 1): share}, "HardSwish")


def _hard_sigmoid(
    node: ir.Node, x: ir.Value, alpha: float, beta: float, top: float, inside: list[ir.Node]
) -> bool:
    """The limited line, multiplied by what makes its end 1."""
    result, root = node.outputs[0], node
    if top != 1.0:
        last = sole_consumer(node.outputs[0])
        if last is None or last.domain != "" or last.op_type not in ("Mul", "Div"):
            return False
        expansion = Expansion(x, node.outputs[0])
        if not matches(expansion.of(last.outputs[0]), {(0, 1): 1.0 / top}):
            return False
        result, root, inside = last.outputs[0], last, [*inside, last]
    if shape_of(result) != shape_of(x) or not is_closed(inside, result):
        return False
    attributes = {"alpha": alpha, "beta": beta}
    made = insert_before(root, "HardSigmoid", [x], attributes, suffix="function", shape=shape_of(x))
    take_place(root, made)
    return True
