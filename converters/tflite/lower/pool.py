"""Pools over windows, and over all of the picture."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lower.padding import Windows, pad, padded
from edgemm.converters.tflite.lowering import Lowering, channels_last
from edgemm.converters.tflite.schema import enum


def lower_max_pool(ctx: Lowering, node: ir.Node) -> None:
    """MaxPool -> MAX_POOL_2D; pads that TFLite has no word for become PADV2 with the smallest number."""
    source, windows, final = _prepare(ctx, node)
    source, padding = padded(ctx, source, windows, lowest=True)
    _pool(ctx, node, "MAX_POOL_2D", source, windows, padding, final)


def lower_average_pool(ctx: Lowering, node: ir.Node) -> None:
    """AveragePool, which does not count its padding -> AVERAGE_POOL_2D, which does not either."""
    source, windows, final = _prepare(ctx, node)
    if windows.is_valid or windows.is_same:
        source, padding = padded(ctx, source, windows)
        _pool(ctx, node, "AVERAGE_POOL_2D", source, windows, padding, final)
        return
    _average_with_correction(ctx, node, source, windows, final)


def _prepare(ctx: Lowering, node: ir.Node) -> tuple[Tensor, Windows, Tensor]:
    value = node.inputs[0]
    rank = len(ctx.shape(value)) if value is not None else 0
    if rank not in (3, 4):
        refuse(node, f"a pool over {rank - 2} dimensions", "Convert to .onnx")
    source = ctx.get(node, 0, channels_last(rank))
    attributes = Attributes(node)
    ones = (1,) * (rank - 2)
    windows = Windows.of(
        source.shape[1:-1],
        attributes.integers("kernel_shape", ones),
        attributes.integers("strides", ones),
        attributes.integers("dilations", ones),
        attributes.integers("pads", (0,) * 2 * (rank - 2)),
    )
    unsettled = attributes.integer("ceil_mode", 0) or attributes.text("auto_pad", "NOTSET") != "NOTSET"
    counted = attributes.integer("count_include_pad", 0) and not windows.is_valid
    attributes.integer("storage_order", 0)
    attributes.done()
    if unsettled or counted or max(windows.dilations) > 1:
        refuse(node, "ceil_mode, dilation or counted padding were not resolved", "Please report the model")
    source = ctx.reshape(source, (source.shape[0], *windows.sizes, source.shape[-1]))
    return source, windows, ctx.result(node, channels_last(rank))


def _pool(
    ctx: Lowering, node: ir.Node, code: str, source: Tensor, windows: Windows, padding: int, final: Tensor
) -> None:
    shape = (source.shape[0], *windows.out, source.shape[3])
    made = (
        final
        if final.shape == shape
        else ctx.graph.tensor(f"{final.name}_picture", shape, final.dtype, final.grid)
    )
    options = {
        "padding": padding,
        "filterHeight": windows.kernel[0],
        "filterWidth": windows.kernel[1],
        "strideH": windows.strides[0],
        "strideW": windows.strides[1],
        "fusedActivationFunction": ctx.activation(node),
    }
    ctx.op(code, [source], [made], options, ctx.form(node))
    if made is not final:
        ctx.reshape_op(made, final)


def _average_with_correction(
    ctx: Lowering, node: ir.Node, source: Tensor, windows: Windows, final: Tensor
) -> None:
    """Zeros around, an average that counts them, and a factor for the windows that reach into them; in float."""
    if ctx.activation(node):
        refuse(node, "an activation behind an average with such pads", "Pad by a multiple of the stride")
    if ctx.plan.target.integer_only:
        refuse(
            node,
            f"an average with pads {windows.pads} computes in float; target {ctx.plan.target.name} is integer only",
            "Use count_include_pad=1, or pads as TensorFlow's SAME has them",
        )
    top, left, bottom, right = windows.pads
    real = pad(ctx, ctx.as_float(source), [(0, 0), (top, bottom), (left, right), (0, 0)])
    shape = (source.shape[0], *windows.out, source.shape[3])
    mean = ctx.graph.tensor(f"{final.name}_mean", shape, "float32")
    options = {
        "padding": enum("Padding", "VALID"),
        "filterHeight": windows.kernel[0],
        "filterWidth": windows.kernel[1],
        "strideH": windows.strides[0],
        "strideW": windows.strides[1],
    }
    ctx.op("AVERAGE_POOL_2D", [real], [mean], options)
    factor = ctx.graph.constant(f"{final.name}_factor", _correction(windows))
    corrected = ctx.graph.tensor(f"{final.name}_corrected", shape, "float32")
    ctx.op("MUL", [mean, factor], [corrected])
    if final.grid is not None:
        corrected = ctx.as_int8(corrected, final.grid)
    ctx.reshape_op(corrected, final)


def _correction(windows: Windows) -> np.ndarray:
    """float32[1, height, width, 1]: kernel size / elements of each window that are not padding."""
    counts = []
    for axis in (0, 1):
        starts = np.arange(windows.out[axis]) * windows.strides[axis] - windows.pads[axis]
        ends = np.minimum(starts + windows.kernel[axis], windows.sizes[axis])
        counts.append(ends - np.maximum(starts, 0))
    inside = np.multiply.outer(counts[0], counts[1])
    factor = (windows.kernel[0] * windows.kernel[1] / inside).astype(np.float32)
    return np.expand_dims(factor, (0, 3))


def lower_global_average_pool(ctx: Lowering, node: ir.Node) -> None:
    """GlobalAveragePool -> MEAN, which may have other scales in and out."""
    _global(ctx, node, "MEAN")


def lower_global_max_pool(ctx: Lowering, node: ir.Node) -> None:
    """GlobalMaxPool -> REDUCE_MAX."""
    _global(ctx, node, "REDUCE_MAX")


def _global(ctx: Lowering, node: ir.Node, code: str) -> None:
    Attributes(node).done()
    value = node.inputs[0]
    rank = len(ctx.shape(value)) if value is not None else 0
    perm = channels_last(rank)
    source = ctx.get(node, 0, perm)
    axes = ctx.graph.constant(f"{node.name}_axes", np.arange(1, rank - 1, dtype=np.int32))
    ctx.op(code, [source, axes], [ctx.result(node, perm)], {"keepDims": True}, ctx.form(node))
