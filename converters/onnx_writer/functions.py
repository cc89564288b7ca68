"""Functions for files of an operator set that has no operator for them.

They are written in the very nodes that ONNX Runtime fuses back to one, in the order of operands that it looks for:
with one factor of 1 / sqrt 2 in place of the division it does not. From opset 20 on, Gelu is an operator.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt

import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import data_of, insert_before, shape_of, take_place
from edgemm.quantize.functions import is_function, least_length

FIRST_WITH_GELU = 20
FIRST_WITH_LAYER_NORM = 17
FIRST_WITH_HARD_SWISH = 14


def write_functions(graph: ir.Graph, opset: int, mark: str) -> int:
    """Writes out what the operator set lacks, in place.

    Args:
        mark: doc_string of the nodes.

    Returns:
        How many there were.
    """
    count = 0
    for node in tuple(graph):
        write = _writer(node, opset)
        if write is None:
            continue
        before = {id(each) for each in graph}
        write(node)
        for each in graph:
            if id(each) not in before:
                each.doc_string = mark
        count += 1
    return count


def _writer(node: ir.Node, opset: int) -> Callable[[ir.Node], None] | None:
    if is_function(node):
        if opset >= FIRST_WITH_GELU:
            return _as_operator
        return _gelu if node.op_type == "Gelu" else _fast_gelu
    if node.domain != "":
        return None
    if node.op_type == "LayerNormalization" and opset < FIRST_WITH_LAYER_NORM and len(node.outputs) == 1:
        return _layer_norm
    if node.op_type == "LpNormalization" and least_length(node) > 0.0:
        return _length
    if node.op_type == "HardSwish" and opset < FIRST_WITH_HARD_SWISH:
        return _hard_swish
    return None


def _as_operator(node: ir.Node) -> None:
    x = data_of(node)
    attributes = {"approximate": "tanh" if node.op_type == "FastGelu" else "none"}
    take_place(node, insert_before(node, "Gelu", [x], attributes, suffix="operator", shape=shape_of(x)))


def _read_once(draft: Draft, x: ir.Value) -> ir.Value:
    """What several nodes of a function read. ONNX Runtime gives each reader of integers a DequantizeLinear of its own,
    and then does not know the function again: a Clip without limits takes the one, and is what they all read."""
    maker = x.producer()
    if maker is None or maker.op_type != "DequantizeLinear":
        return x
    return draft.op("Clip", [x], shape_of(x))


def _gelu(node: ir.Node) -> None:
    draft = Draft(node)
    x = _read_once(draft, data_of(node))
    gate = draft("Add", draft("Erf", draft("Div", x, sqrt(2.0))), 1.0)
    draft.becomes(draft("Mul", draft("Mul", x, gate), 0.5))


def _fast_gelu(node: ir.Node) -> None:
    draft = Draft(node)
    x = _read_once(draft, data_of(node))
    half = draft("Mul", x, 0.5)
    cubic = draft("Add", x, draft("Mul", draft("Pow", x, 3.0), 0.044715))
    gate = draft("Add", draft("Tanh", draft("Mul", cubic, sqrt(2.0 / pi))), 1.0)
    draft.becomes(draft("Mul", half, gate))


def _hard_swish(node: ir.Node) -> None:
    draft, x = Draft(node), data_of(node)
    gate = draft.op("HardSigmoid", [x], shape_of(x), alpha=1.0 / 6.0, beta=0.5)
    draft.becomes(draft("Mul", x, gate))


def _length(node: ir.Node) -> None:
    """x / max(length, limit), as exporters write it: the operator knows no limit."""
    draft, x = Draft(node), data_of(node)
    axis = draft.integer("axis", -1) % len(shape_of(x))
    small = [1 if each == axis else size for each, size in enumerate(shape_of(x))]
    length = draft.op("ReduceL2", [x], small, axes=[axis], keepdims=1)
    draft.becomes(draft("Div", x, draft("Max", length, least_length(node))))


def _layer_norm(node: ir.Node) -> None:
    draft, x = Draft(node), data_of(node)
    shape = shape_of(x)
    axes = list(range(draft.integer("axis", -1) % len(shape), len(shape)))
    small = [1 if axis in axes else size for axis, size in enumerate(shape)]
    mean = draft.op("ReduceMean", [x], small, axes=axes, keepdims=1)
    off = draft("Sub", x, mean)
    variance = draft.op("ReduceMean", [draft("Pow", off, 2.0)], small, axes=axes, keepdims=1)
    root = draft("Sqrt", draft("Add", variance, draft.number("epsilon", 1e-5)))
    result = draft("Mul", draft("Div", off, root), draft.input(1))
    draft.becomes(draft("Add", result, draft.input(2)) if draft.has(2) else result)
