"""The cost of a node, counted in multiplications: for ranking and for shares, not for milliseconds."""

from __future__ import annotations

from math import prod

import onnx_ir as ir

WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
RECURRENT = {"RNN": 1, "GRU": 3, "LSTM": 4}
"""Operator -> gates."""


def macs(node: ir.Node) -> int:
    """Multiply-accumulates of one inference; elements written, for operators that have none."""
    written = max((_size(value) for value in node.outputs), default=0)
    if node.op_type in RECURRENT:
        return _recurrent(node)
    if node.op_type not in WEIGHTED or len(node.inputs) < 2:
        return written
    left, right = node.inputs[0], node.inputs[1]
    if left is None or right is None:
        return written
    shape = _shape(right)
    if node.op_type == "Conv":
        return written * prod(shape[1:])
    if node.op_type == "ConvTranspose":
        return _size(left) * prod(shape[1:])
    return written * (_shape(left)[-1] if _shape(left) else 1)


def _recurrent(node: ir.Node) -> int:
    source, kernel = node.inputs[0], node.inputs[1]
    if source is None or kernel is None:
        return 0
    steps = prod(_shape(source)[:2])
    directions, rows, width = _shape(kernel)
    return steps * directions * rows * (width + rows // RECURRENT[node.op_type])


def _shape(value: ir.Value) -> tuple[int, ...]:
    return tuple(value.shape.numpy()) if value.shape is not None and value.shape.is_static() else ()


def _size(value: ir.Value) -> int:
    return prod(_shape(value))
