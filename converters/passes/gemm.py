"""Gemm: x @ B.T + C with constants [out, in] and [out]."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import (
    Array,
    array_of,
    constant,
    data_of,
    graph_of,
    input_of,
    insert_before,
    nodes_of,
    shape_of,
    take_place,
)


def normalize_gemms(model: ir.Model) -> int:
    """transA=0, transB=1, alpha=beta=1, constant B, constant C; what does not fit becomes nodes around it.

    Precondition: shapes are static, constants are initializers. A Gemm with a computed B becomes MatMul.

    Returns:
        How many changed.
    """
    return sum(_normalize(node) for node in nodes_of(model, "Gemm"))


def _normalize(node: ir.Node) -> bool:
    if _is_normal(node):
        return False
    flat = data_of(node)
    if node.attributes.get_int("transA", 0):
        flat = _transposed(node, flat, "a")
    alpha, beta = node.attributes.get_float("alpha", 1.0), node.attributes.get_float("beta", 1.0)
    weight = array_of(data_of(node, 1))
    if weight is None:
        _as_matmul(node, flat, alpha, beta)
        return True
    stored = weight if node.attributes.get_int("transB", 0) else weight.T
    stored = _scaled(stored, alpha)
    addend = input_of(node, 2)
    bias = _bias(addend, beta, len(stored))
    rest = addend if bias is None else None
    shape = shape_of(node.outputs[0])
    product = insert_before(
        node, "Gemm", _gemm_inputs(node, flat, stored, bias), {"transB": 1}, suffix="gemm", shape=shape
    )
    _set_form(product)
    _finish(node, product, rest, beta)
    return True


def _is_normal(node: ir.Node) -> bool:
    attributes = node.attributes
    bias, weight = array_of(input_of(node, 2)), array_of(input_of(node, 1))
    return (
        weight is not None
        and bias is not None
        and bias.shape == (weight.shape[0],)
        and attributes.get_int("transB", 0) == 1
        and attributes.get_int("transA", 0) == 0
        and attributes.get_float("alpha", 1.0) == attributes.get_float("beta", 1.0) == 1.0
    )


def _gemm_inputs(node: ir.Node, flat: ir.Value, stored: Array, bias: Array | None) -> list[ir.Value]:
    graph = graph_of(node)
    zeros = np.zeros(len(stored), stored.dtype)
    return [
        flat,
        constant(graph, f"{node.name}_weight", stored),
        constant(graph, f"{node.name}_bias", zeros if bias is None else bias),
    ]


def _set_form(product: ir.Value) -> None:
    node = product.producer()
    if node is not None:
        node.attributes.update({a.name: a for a in (ir.AttrInt64("transA", 0), ir.AttrInt64("transB", 1))})


def _bias(addend: ir.Value | None, beta: float, width: int) -> Array | None:
    """C as [out], None when it is computed or differs between rows."""
    array = array_of(addend)
    if array is None or array.size not in (1, width) or (array.ndim == 2 and array.shape[0] != 1):
        return None
    return _scaled(np.broadcast_to(array.reshape(-1), (width,)), beta)


def _as_matmul(node: ir.Node, flat: ir.Value, alpha: float, beta: float) -> None:
    right = data_of(node, 1)
    if node.attributes.get_int("transB", 0):
        right = _transposed(node, right, "b")
    shape = shape_of(node.outputs[0])
    product = insert_before(node, "MatMul", [flat, right], suffix="matmul", shape=shape)
    if alpha != 1.0:
        product = _times(node, product, alpha, "alpha")
    _finish(node, product, input_of(node, 2), beta)


def _finish(node: ir.Node, product: ir.Value, addend: ir.Value | None, beta: float) -> None:
    """Adds what is left of C, and puts the result in the node's place."""
    if addend is not None:
        if beta != 1.0:
            addend = _times(node, addend, beta, "beta")
        shape = shape_of(node.outputs[0])
        product = insert_before(node, "Add", [product, addend], suffix="add", shape=shape)
    take_place(node, product)


def _times(node: ir.Node, value: ir.Value, factor: float, suffix: str) -> ir.Value:
    scalar = constant(graph_of(node), f"{node.name}_{suffix}", np.array(factor, np.float32))
    return insert_before(node, "Mul", [value, scalar], suffix=suffix, shape=shape_of(value))


def _transposed(node: ir.Node, value: ir.Value, suffix: str) -> ir.Value:
    rows, columns = shape_of(value)
    return insert_before(node, "Transpose", [value], {"perm": [1, 0]}, suffix=suffix, shape=(columns, rows))


def _scaled(array: Array, factor: float) -> Array:
    scaled: Array = array if factor == 1.0 else (array.astype(np.float64) * factor).astype(array.dtype)
    return scaled
