"""Sums, means, largest and smallest of many; arithmetic of small integers; products with vectors."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import constant, graph_of, insert_before, shape_of, take_place

PAIRS = {"Max": "Max", "Min": "Min", "Sum": "Add", "Mean": "Add"}
SMALL = frozenset({ir.DataType.INT8, ir.DataType.UINT8})
WIDENED = (
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Max",
    "Min",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Where",
)


def expand_many(node: ir.Node) -> bool:
    """Max, Min, Sum and Mean of any number of operands: in pairs, one after the other."""
    values = [value for value in node.inputs if value is not None]
    plain = node.op_type in ("Max", "Min")
    if node.outputs[0].dtype in SMALL:
        return widen(node)
    if plain and len(values) == 2:
        return False
    kind = node.outputs[0].dtype
    if kind is None or (len(values) == 1 and node.op_type != "Mean"):
        values.append(values[0]) if plain else values.append(_number(node, 0.0, "none"))
    total = values[0]
    for index, value in enumerate(values[1:]):
        shape = np.broadcast_shapes(shape_of(total), shape_of(value))
        total = insert_before(node, PAIRS[node.op_type], [total, value], suffix=f"pair{index}", shape=shape)
    if node.op_type == "Mean":
        share = _number(node, 1.0 / len(values), "share")
        total = insert_before(node, "Mul", [total, share], suffix="share_of_sum", shape=shape_of(total))
    take_place(node, total)
    return True


def _number(node: ir.Node, value: float, name: str) -> ir.Value:
    kind = node.outputs[0].dtype
    array = np.array(value, kind.numpy() if kind is not None else np.float32)
    return constant(graph_of(node), f"{node.name}_{name}", array)


def widen(node: ir.Node) -> bool:
    """Arithmetic, comparisons and choices of 8-bit integers, in 32 bits; the way back wraps as the short type does."""
    kinds = {value.dtype for value in node.inputs if value is not None} - {ir.DataType.BOOL}
    if len(kinds) != 1 or not kinds <= SMALL:
        return False
    wide = [
        value
        if value.dtype == ir.DataType.BOOL
        else insert_before(
            node,
            "Cast",
            [value],
            {"to": int(ir.DataType.INT32)},
            suffix=f"wide{index}",
            shape=shape_of(value),
            dtype=ir.DataType.INT32,
        )
        for index, value in enumerate(node.inputs)
        if value is not None
    ]
    output = node.outputs[0]
    kind, shape = output.dtype, shape_of(output)
    compares = kind == ir.DataType.BOOL
    result = insert_before(
        node,
        node.op_type,
        wide,
        suffix="in_32_bits",
        shape=shape,
        dtype=kind if compares else ir.DataType.INT32,
    )
    if not compares and kind is not None:
        result = insert_before(
            node, "Cast", [result], {"to": int(kind)}, suffix="narrow", shape=shape, dtype=kind
        )
    take_place(node, result)
    return True


def expand_power(node: ir.Node) -> bool:
    """Pow of a real number to an integer: the exponent becomes real, which is exact below 2^24."""
    base, exponent = node.inputs[0], node.inputs[1]
    if base is None or exponent is None or base.dtype != ir.DataType.FLOAT:
        return False
    if exponent.dtype in (None, ir.DataType.FLOAT):
        return False
    attributes = {"to": int(ir.DataType.FLOAT)}
    real = insert_before(
        node, "Cast", [exponent], attributes, suffix="real", shape=shape_of(exponent), dtype=ir.DataType.FLOAT
    )
    shape = shape_of(node.outputs[0])
    take_place(
        node, insert_before(node, "Pow", [base, real], suffix="power", shape=shape, dtype=ir.DataType.FLOAT)
    )
    return True


def expand_small_power(node: ir.Node) -> bool:
    """x^2 and x^3 as products: POW computes logarithms, and is in no delegate."""
    base, exponent = node.inputs[0], node.inputs[1]
    if base is None or exponent is None or base.dtype != ir.DataType.FLOAT or base.const_value is not None:
        return False
    array = exponent.const_value.numpy() if exponent.const_value is not None else None
    shape = shape_of(base)
    if array is None or array.size != 1 or shape_of(node.outputs[0]) != shape:
        return False
    if float(array.reshape(-1)[0]) not in (2.0, 3.0):
        return False
    made = insert_before(node, "Mul", [base, base], suffix="square", shape=shape)
    if float(array.reshape(-1)[0]) == 3.0:
        made = insert_before(node, "Mul", [made, base], suffix="cube", shape=shape)
    take_place(node, made)
    return True


def expand_vector_product(node: ir.Node) -> bool:
    """MatMul with a vector: as a matrix of one row or one column."""
    left, right = node.inputs[0], node.inputs[1]
    if left is None or right is None:
        return False
    first, second = shape_of(left), shape_of(right)
    if min(len(first), len(second)) > 1:
        return False
    graph = graph_of(node)

    def reshaped(value: ir.Value, shape: tuple[int, ...], name: str) -> ir.Value:
        sizes = constant(graph, f"{node.name}_{name}_sizes", np.array(shape, np.int64))
        return insert_before(node, "Reshape", [value, sizes], suffix=name, shape=shape)

    row = reshaped(left, (1, *first), "row") if len(first) == 1 else left
    column = reshaped(right, (*second, 1), "column") if len(second) == 1 else right
    rows, columns = shape_of(row), shape_of(column)
    batch = np.broadcast_shapes(rows[:-2], columns[:-2])
    whole = (*batch, rows[-2], columns[-1])
    product = insert_before(node, "MatMul", [row, column], suffix="product", shape=whole)
    take_place(node, reshaped(product, shape_of(node.outputs[0]), "flat"))
    return True
