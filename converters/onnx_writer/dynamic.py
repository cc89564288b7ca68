"""Dynamic int8: weights are stored as integers, activations are quantized while the model runs.

Gemm and MatMul become DynamicQuantizeLinear and MatMulInteger, in the order of nodes that ONNX Runtime
fuses. Conv keeps its float arithmetic and only stores its weights as integers: ConvInteger is slower than
float on every runtime that was measured. Recurrent layers store theirs likewise, embeddings pick integers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from edgemm.converters.onnx_writer.constants import Constants, stored_numbers, stored_zero_point
from edgemm.converters.passes.rewrite import (
    array_of,
    constant,
    data_of,
    graph_of,
    input_of,
    insert_before,
    shape_of,
    take_place,
)
from edgemm.errors import ConversionError
from edgemm.quantize.constants import stored_unsigned
from edgemm.quantize.grid import Grid
from edgemm.quantize.legality import dynamic_weights
from edgemm.quantize.plan import Plan, Precision


def make_dynamic(graph: ir.Graph, plan: Plan, constants: Constants) -> None:
    """Rewrites every node that the plan wants dynamic, in place.

    Raises:
        ConversionError: such a node has no weight grid, or has no dynamic form.
    """
    quantized: dict[str, tuple[ir.Value, ...]] = {}
    for node in tuple(graph):
        if not plan.is_packed(str(node.name)):
            continue
        wanted = dynamic_weights(node)
        grids = [plan.weights.get((str(node.name), index)) for index in wanted]
        if not wanted or None in grids:
            raise ConversionError(
                f"node {node.name!r} ({node.op_type}) is dynamic in the plan, but has no weight grid or no dynamic "
                "form. Make the plan again for this graph"
            )
        for index, grid in zip(wanted, grids, strict=True):
            if grid is None:
                continue
            unsigned = stored_unsigned(node, grid, plan)
            if node.op_type in ("Gemm", "MatMul"):
                _multiply_integers(node, grid, quantized, unsigned=unsigned)
            elif node.op_type == "Gather":
                _look_up_integers(node, grid, constants, unsigned=unsigned)
            else:
                if plan.precision[str(node.name)] is Precision.HYBRID:
                    node.replace_input_with(0, _rounded(node, quantized))
                value = constants.dequantized(node, index, grid, unsigned=unsigned)
                node.replace_input_with(index, value)


def _look_up_integers(node: ir.Node, grid: Grid, constants: Constants, *, unsigned: bool) -> None:
    """An embedding: the integers are picked, and then made real; its table is never unpacked."""
    array = array_of(data_of(node))
    if array is None:
        raise ConversionError(f"node {node.name!r}: an embedding needs a constant table")
    name = str(data_of(node).name)
    table = constant(graph_of(node), f"{name}_quantized", stored_numbers(grid, array, unsigned=unsigned))
    axis, shape = node.attributes.get_int("axis", 0), shape_of(node.outputs[0])
    picked = insert_before(
        node, "Gather", [table, data_of(node, 1)], {"axis": axis}, suffix="integers", shape=shape
    )
    scale, zero = constants.scale(name, grid), constants.zero_point(name, grid, unsigned=unsigned)
    real = insert_before(
        node, "DequantizeLinear", [picked, scale, zero], suffix="real", shape=shape, dtype=ir.DataType.FLOAT
    )
    take_place(node, real)


def _rounded(node: ir.Node, quantized: dict[str, tuple[ir.Value, ...]]) -> ir.Value:
    """What a convolution reads, on the steps that it would be quantized to: its arithmetic stays real."""
    source = data_of(node)
    if str(source.name) not in quantized:
        quantized[str(source.name)] = _quantize(node, source)
    inputs = quantized[str(source.name)]
    shape, real = shape_of(source), ir.DataType.FLOAT
    return insert_before(node, "DequantizeLinear", inputs, suffix="rounded", shape=shape, dtype=real)


def _multiply_integers(
    node: ir.Node, grid: Grid, quantized: dict[str, tuple[ir.Value, ...]], *, unsigned: bool
) -> None:
    source, shape = data_of(node), shape_of(node.outputs[0])
    if str(source.name) not in quantized:
        quantized[str(source.name)] = _quantize(node, source)
    integers, scale, zero_point = quantized[str(source.name)]
    inputs = [integers, *_weight(node, grid, zero_point, unsigned=unsigned)]
    total = insert_before(
        node, "MatMulInteger", inputs, suffix="integers", shape=shape, dtype=ir.DataType.INT32
    )
    real = insert_before(
        node,
        "Cast",
        [total],
        {"to": int(ir.DataType.FLOAT)},
        suffix="sums",
        shape=shape,
        dtype=ir.DataType.FLOAT,
    )
    steps = constant(graph_of(node), f"{node.name}_weight_scale", grid.scale.astype(np.float32))
    factor = insert_before(node, "Mul", [scale, steps], suffix="scale", shape=grid.scale.shape)
    product = insert_before(node, "Mul", [real, factor], suffix="product", shape=shape)
    bias = input_of(node, 2)
    if bias is not None and np.any(array_of(bias)):
        product = insert_before(node, "Add", [product, bias], suffix="biased", shape=shape)
    take_place(node, product)


def _quantize(node: ir.Node, source: ir.Value) -> tuple[ir.Value, ...]:
    """u8 numbers, scale and zero point of an activation, once for all its readers."""
    kinds: Sequence[tuple[str, ir.DataType, tuple[int, ...]]] = (
        ("quantized", ir.DataType.UINT8, shape_of(source)),
        ("scale", ir.DataType.FLOAT, ()),
        ("zero_point", ir.DataType.UINT8, ()),
    )
    outputs = [
        ir.Value(name=f"{source.name}_{name}", shape=ir.Shape(shape), type=ir.TensorType(dtype))
        for name, dtype, shape in kinds
    ]
    made = ir.node(
        "DynamicQuantizeLinear", [source], outputs=outputs, name=f"{source.name}_DynamicQuantizeLinear"
    )
    graph_of(node).insert_before(node, made)
    return tuple(outputs)


def _weight(node: ir.Node, grid: Grid, zero_point: ir.Value, *, unsigned: bool) -> list[ir.Value]:
    """[in, out] integers, and both zero points."""
    array = array_of(data_of(node, 1))
    if array is None:
        raise ConversionError(
            f"node {node.name!r}: dynamic needs a constant weight. Make the plan again for this graph"
        )
    numbers = stored_numbers(grid, array, unsigned=unsigned)
    if node.op_type == "Gemm":
        numbers = numbers.T
    graph = graph_of(node)
    zero = np.array(stored_zero_point(grid, unsigned=unsigned), numbers.dtype)
    return [
        constant(graph, f"{node.name}_weight_quantized", numbers),
        zero_point,
        constant(graph, f"{node.name}_weight_zero_point", zero),
    ]
