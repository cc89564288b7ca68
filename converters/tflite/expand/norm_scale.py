"""Scale and bias of a layer norm go into the layers that read it: two operators less, each over the whole value.

(u * s + b) W = u (diag(s) W) + b W. TFLite has no operator for the norm itself, so each of its steps reads and writes
everything; ONNX Runtime has one, where they cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.reshape import runs_of
from edgemm.converters.passes.rewrite import (
    Array,
    array_of,
    constant,
    graph_of,
    input_of,
    shape_of,
    sole_consumer,
)
from edgemm.quantize import declared


@dataclass(frozen=True, slots=True, eq=False)
class _Reader:
    """A layer with constant weights that reads the norm."""

    node: ir.Node
    takes: Callable[[ir.Node, Array, Array], None]


def into_readers(node: ir.Node, scale: Array, bias: Array) -> bool:
    """Multiplies the weights of all that reads a LayerNormalization over its last axis, and adds to their biases.

    Args:
        scale, bias: float[channels].

    Returns:
        False, and nothing is changed, where something else reads it.
    """
    value = node.outputs[0]
    found = _readers(value, len(shape_of(value)) - 1, shifted=bool(bias.any()))
    if not found:
        return False
    for each in found:
        each.takes(each.node, scale.astype(np.float64), bias.astype(np.float64))
    return True


def _readers(value: ir.Value, axis: int, *, shifted: bool) -> list[_Reader] | None:
    """All readers; None where one of them cannot take a scale, or a bias where there is one."""
    if value.is_graph_output() or declared.KEY in value.metadata_props:
        return None
    found: list[_Reader] = []
    for node, index in value.uses():
        moved = _moved(node, axis) if index == 0 else None
        if moved is not None:
            behind = _readers(node.outputs[0], moved, shifted=shifted)
            if behind is None:
                return None
            found += behind
            continue
        takes = _taker(node, axis, shifted=shifted) if index == 0 else None
        if takes is None:
            return None
        found.append(_Reader(node, takes))
    return found


def _moved(node: ir.Node, axis: int) -> int | None:
    """Where the axis is behind an operator that only moves values; None for others."""
    if node.domain != "" or node.inputs[0] is None:
        return None
    if node.op_type == "Transpose":
        return list(node.attributes.get_ints("perm") or ()).index(axis)
    if node.op_type != "Reshape":
        return None
    before, after = shape_of(node.inputs[0]), shape_of(node.outputs[0])
    if 0 in before or before[axis] == 1:
        return None
    run = next(each for each in runs_of(before, after) if axis in each[0])
    return run[1][0] if run[0] == [axis] and len(run[1]) == 1 else None


def _taker(node: ir.Node, axis: int, *, shifted: bool) -> Callable[[ir.Node, Array, Array], None] | None:
    weight = array_of(input_of(node, 1))
    if node.domain != "" or weight is None or weight.dtype != np.float32:
        return None
    if node.op_type == "MatMul" and weight.ndim == 2 and axis == len(shape_of(node.outputs[0])) - 1:
        return _into_matmul
    bias = input_of(node, 2)
    if bias is not None and array_of(bias) is None:
        return None
    if node.op_type == "Gemm" and axis == 1:
        return _into_gemm
    if node.op_type == "Conv" and axis == 1 and node.attributes.get_int("group", 1) == 1:
        padded = any(node.attributes.get_ints("pads") or ())
        return None if shifted and padded else _into_conv
    return None


def _into_matmul(node: ir.Node, scale: Array, bias: Array) -> None:
    weight, row = array_of(input_of(node, 1)), None
    if weight is None:
        return
    node.replace_input_with(1, _stored(node, "weight", weight * scale[:, None]))
    if not bias.any():
        return
    row = bias @ weight
    add = sole_consumer(node.outputs[0])
    if add is not None and add.op_type == "Add" and add.domain == "":
        for index in (0, 1):
            addend = array_of(input_of(add, index))
            if addend is not None and shape_of(add.outputs[0]) == shape_of(node.outputs[0]):
                add.replace_input_with(index, _stored(add, "addend", addend + row))
                return
    draft = Draft(node)
    product = draft.op("MatMul", list(node.inputs), shape_of(node.outputs[0]))
    draft.becomes(draft("Add", product, row.astype(np.float32)))


def _into_gemm(node: ir.Node, scale: Array, bias: Array) -> None:
    weight = array_of(input_of(node, 1))
    if weight is not None:
        node.replace_input_with(1, _stored(node, "weight", weight * scale))
        _shift(node, weight @ bias)


def _into_conv(node: ir.Node, scale: Array, bias: Array) -> None:
    weight = array_of(input_of(node, 1))
    if weight is not None:
        along = (1, -1, *(1,) * (weight.ndim - 2))
        node.replace_input_with(1, _stored(node, "weight", weight * scale.reshape(along)))
        _shift(node, (weight * bias.reshape(along)).sum(axis=tuple(range(1, weight.ndim))))


def _shift(node: ir.Node, row: Array) -> None:
    own = array_of(input_of(node, 2))
    node.resize_inputs(3)
    node.replace_input_with(2, _stored(node, "bias", row if own is None else own + row))


def _stored(node: ir.Node, what: str, array: Array) -> ir.Value:
    return constant(graph_of(node), f"{node.name}_{what}", array.astype(np.float32))
