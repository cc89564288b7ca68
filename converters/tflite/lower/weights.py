"""Weights and biases as the plan stores them, in TFLite's layout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir

from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lowering import Lowering, Perm
from edgemm.quantize.grid import Grid


def weights(ctx: Lowering, node: ir.Node, index: int, array: np.ndarray, perm: Perm) -> Tensor:
    """The constant weights of a node, transposed by `perm`: int8 where the plan has a grid for them.

    Args:
        array: float32, in a layout whose first axes are ONNX's: the grid's axis is one of it.
    """
    name = str(ctx.value(node, index).name)
    grid = ctx.weight_grid(node, index) if ctx.is_int8(node) or ctx.is_dynamic(node) else None
    if grid is None:
        return ctx.graph.constant(name, array.transpose(perm))
    stored = grid.quantize(array).transpose(perm)
    moved = replace(grid, axis=perm.index(grid.axis)) if grid.axis is not None else grid
    return ctx.graph.constant(name, stored, moved)


def bias(ctx: Lowering, node: ir.Node, index: int) -> Tensor | None:
    """The constant bias of a node, int32 where the node is integer; None where it has none."""
    value = node.inputs[index] if index < len(node.inputs) else None
    if value is None:
        return None
    array = ctx.constant_of(value)
    if array is None:
        return None
    grid = ctx.weight_grid(node, index) if ctx.is_int8(node) else None
    flat = array.reshape(-1)
    stored = flat if grid is None else Grid(grid.scale, 0, grid.axis, "int32").quantize(flat)
    return ctx.graph.constant(str(value.name), stored, grid)


def unpacked(ctx: Lowering, tensor: Tensor) -> Tensor:
    """Weights stored in int8 and made float when the model is loaded: for operators without a hybrid form that
    every runtime gets right."""
    if tensor.grid is None:
        return tensor
    made = ctx.graph.tensor(f"{tensor.name}_float", tensor.shape, "float32")
    ctx.op("DEQUANTIZE", [tensor], [made], form="per_channel" if tensor.grid.axis is not None else "int8")
    return made
