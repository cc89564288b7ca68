"""Removes guards against NaN behind softmaxes that cannot produce it."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import array_of, bypass, data_of, input_of, nodes_of, shape_of

PRODUCTS = frozenset({"Gemm", "MatMul"})
"""What makes scores: finite, of finite numbers."""
SCALES = frozenset({"Add", "Div", "Mul", "Sub"})
"""What may change them, by finite constants."""


def remove_nan_guards(model: ir.Model) -> int:
    """Where(IsNaN(p), c, p) is p where p is a softmax of which no row can be hidden as a whole.

    A softmax is NaN in rows that are negative infinity from end to end, and torch puts the guard behind every attention
    with a boolean mask. A mask that is known and shows something in each row needs none.

    Precondition: constants are folded, shapes are static.

    Returns:
        How many were removed.
    """
    return sum(_remove(node) for node in nodes_of(model, "Where"))


def _remove(node: ir.Node) -> bool:
    guard, guarded = data_of(node).producer(), data_of(node, 2)
    softmax = guarded.producer()
    if guard is None or guard.op_type != "IsNaN" or data_of(guard) is not guarded:
        return False
    if softmax is None or softmax.op_type != "Softmax" or shape_of(node.outputs[0]) != shape_of(guarded):
        return False
    scores = data_of(softmax)
    hidden = _hidden(scores)
    if hidden is None:
        return False
    rows = np.broadcast_to(hidden, shape_of(scores)).all(axis=softmax.attributes.get_int("axis", -1))
    return not rows.any() and bypass(node, guarded)


def _hidden(value: ir.Value) -> np.ndarray | None:
    """Where a value is negative infinity, broadcast or not; None when that is not known."""
    array, node = array_of(value), value.producer()
    if array is not None:
        return None if np.isnan(array).any() or np.isposinf(array).any() else np.isneginf(array)
    if node is None or node.domain != "":
        return None
    if node.op_type in PRODUCTS:
        return np.zeros((), np.bool_)
    if node.op_type == "Add":
        return _either(node)
    if node.op_type in SCALES:
        return _scaled(node)
    if node.op_type == "Where":
        return _chosen(node)
    return None


def _either(node: ir.Node) -> np.ndarray | None:
    parts = [_hidden(data_of(node, index)) for index in (0, 1)]
    return None if parts[0] is None or parts[1] is None else parts[0] | parts[1]


def _scaled(node: ir.Node) -> np.ndarray | None:
    """Finite by finite, and nothing else."""
    parts = _either(node)
    if parts is None or parts.any():
        return None
    divisor = array_of(input_of(node, 1)) if node.op_type == "Div" else np.ones(())
    return None if divisor is None or not np.all(divisor) else parts


def _chosen(node: ir.Node) -> np.ndarray | None:
    choice = array_of(input_of(node, 0))
    parts = [_hidden(data_of(node, index)) for index in (1, 2)]
    if choice is None or parts[0] is None or parts[1] is None:
        return None
    found: np.ndarray = np.where(choice, parts[0], parts[1])
    return found
