"""Convolutions over one and two dimensions: plain, grouped, depthwise, dilated."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lower.large_kernel import Part, parts_of
from edgemm.converters.tflite.lower.padding import Windows, padded
from edgemm.converters.tflite.lower.weights import bias, unpacked, weights
from edgemm.converters.tflite.lowering import Lowering, channels_last
from edgemm.converters.tflite.schema import Form


def lower_conv(ctx: Lowering, node: ir.Node) -> None:
    """Conv -> CONV_2D or DEPTHWISE_CONV_2D."""
    kernel_array = ctx.constant_of(node.inputs[1])
    rank = len(ctx.shape(ctx.value(node)))
    if kernel_array is None or rank not in (3, 4):
        refuse(
            node, f"a convolution over {rank - 2} dimensions, or with computed weights", "Convert to .onnx"
        )
    if rank == 3:
        kernel_array = kernel_array[:, :, None]
    source = ctx.get(node, 0, channels_last(rank))
    windows, group = _windows(node, source.shape[1:-1], kernel_array.shape[2:], rank - 2)
    source = ctx.reshape(source, (source.shape[0], *windows.sizes, source.shape[-1]))
    channels, outputs = source.shape[3], kernel_array.shape[0]
    final = ctx.result(node, channels_last(rank))
    made = _as_picture(ctx, final, (source.shape[0], *windows.out, outputs))
    if group == channels > 1 and kernel_array.shape[1] == 1:
        _depthwise(ctx, node, source, kernel_array, windows, made)
    else:
        _convolution(ctx, node, source, kernel_array, windows, made, grouped=group > 1)
    if made is not final:
        ctx.reshape_op(made, final)


def _convolution(
    ctx: Lowering,
    node: ir.Node,
    source: Tensor,
    array: np.ndarray,
    windows: Windows,
    made: Tensor,
    *,
    grouped: bool,
) -> None:
    kernel = weights(ctx, node, 1, array, (0, 2, 3, 1))
    if ctx.is_dynamic(node) and not ctx.is_hybrid(node):
        kernel = unpacked(ctx, kernel)
    source, options = _options(ctx, source, windows)
    options["fusedActivationFunction"] = ctx.activation(node)
    form = "grouped" if grouped else _form(ctx, node, windows)
    ctx.op("CONV_2D", [source, kernel, bias(ctx, node, 2)], [made], options, form)


def _depthwise(
    ctx: Lowering, node: ir.Node, source: Tensor, array: np.ndarray, windows: Windows, made: Tensor
) -> None:
    """A large float kernel is a sum of smaller ones. A dynamic one has int8 weights that are made float when the model
    is loaded: XNNPACK has no kernel for more, and the built-in one takes four times as long."""
    parts = [Part(windows, slice(None), slice(None))] if ctx.is_int8(node) else parts_of(windows)
    total: Tensor | None = None
    for number, part in enumerate(parts, 1):
        kernel = weights(ctx, node, 1, array[:, :, part.rows, part.columns], (1, 2, 3, 0))
        if ctx.is_dynamic(node):
            kernel = unpacked(ctx, kernel)
        padded_source, options = _options(ctx, source, part.windows)
        options["depthMultiplier"] = made.shape[3] // source.shape[3]
        fused = ctx.activation(node)
        options["fusedActivationFunction"] = fused if len(parts) == 1 else 0
        addend = bias(ctx, node, 2) if number == 1 else None
        if number > 1:
            addend = ctx.graph.constant(f"{made.name}_none", np.zeros(made.shape[3], np.float32))
        share = made if len(parts) == 1 else ctx.graph.tensor(f"{made.name}_part", made.shape, made.dtype)
        form = _form(ctx, node, part.windows)
        ctx.op("DEPTHWISE_CONV_2D", [padded_source, kernel, addend], [share], options, form)
        if total is not None:
            last = number == len(parts)
            summed = made if last else ctx.graph.tensor(f"{made.name}_sum", made.shape, made.dtype)
            ctx.op("ADD", [total, share], [summed], {"fusedActivationFunction": fused if last else 0})
            share = summed
        total = share


def _options(ctx: Lowering, source: Tensor, windows: Windows) -> tuple[Tensor, dict[str, Any]]:
    """The input as the operator reads it, and what it is told of the windows."""
    source, padding = padded(ctx, source, windows)
    return source, {
        "padding": padding,
        "strideH": windows.strides[0],
        "strideW": windows.strides[1],
        "dilationHFactor": windows.dilations[0],
        "dilationWFactor": windows.dilations[1],
    }


def _as_picture(ctx: Lowering, final: Tensor, shape: tuple[int, ...]) -> Tensor:
    """What the operator itself writes: four dimensions, where the value has three."""
    if final.shape == shape:
        return final
    return ctx.graph.tensor(f"{final.name}_picture", shape, final.dtype, final.grid)


def _windows(
    node: ir.Node, sizes: tuple[int, ...], kernel: tuple[int, ...], spatial: int
) -> tuple[Windows, int]:
    attributes = Attributes(node)
    ones = (1,) * spatial
    found = Windows.of(
        sizes,
        kernel[-spatial:],
        attributes.integers("strides", ones),
        attributes.integers("dilations", ones),
        attributes.integers("pads", (0,) * 2 * spatial),
    )
    attributes.integers("kernel_shape", ())
    group = attributes.integer("group", 1)
    if attributes.text("auto_pad", "NOTSET") != "NOTSET":
        refuse(node, "auto_pad was not resolved", "This is a fault: please report the model")
    attributes.done()
    if min(found.pads) < 0:
        refuse(node, f"negative pads {found.pads}", "Export the model with a Slice instead")
    return found, group


def _form(ctx: Lowering, node: ir.Node, windows: Windows) -> Form:
    if ctx.is_int8(node):
        return "int8"
    if ctx.is_hybrid(node):
        return "hybrid" if ctx.weight_grid(node, 1).axis is None else "hybrid_per_channel"
    return "dilated" if max(windows.dilations) > 1 else "float"
