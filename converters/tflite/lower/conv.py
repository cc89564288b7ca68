"""Convolutions over one and two dimensions: plain, grouped, depthwise, dilated."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.graph import Tensor
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
    depthwise = group == channels > 1 and kernel_array.shape[1] == 1
    perm = (1, 2, 3, 0) if depthwise else (0, 2, 3, 1)
    kernel = weights(ctx, node, 1, kernel_array, perm)
    if ctx.is_dynamic(node) and not ctx.is_hybrid(node):
        kernel = unpacked(ctx, kernel)
    source, padding = padded(ctx, source, windows)
    options = {
        "padding": padding,
        "strideH": windows.strides[0],
        "strideW": windows.strides[1],
        "dilationHFactor": windows.dilations[0],
        "dilationWFactor": windows.dilations[1],
        "fusedActivationFunction": ctx.activation(node),
    }
    code = "CONV_2D"
    if depthwise:
        code, options["depthMultiplier"] = "DEPTHWISE_CONV_2D", outputs // channels
    form = _form(ctx, node, grouped=group > 1 and not depthwise, dilated=max(windows.dilations) > 1)
    inputs = [source, kernel, bias(ctx, node, 2)]
    final = ctx.result(node, channels_last(rank))
    made = _as_picture(ctx, final, (source.shape[0], *windows.out, outputs))
    ctx.op(code, inputs, [made], options, form)
    if made is not final:
        ctx.reshape_op(made, final)


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


def _form(ctx: Lowering, node: ir.Node, *, grouped: bool, dilated: bool) -> Form:
    if grouped:
        return "grouped"
    if ctx.is_int8(node):
        return "int8"
    if ctx.is_hybrid(node):
        return "hybrid" if ctx.weight_grid(node, 1).axis is None else "hybrid_per_channel"
    return "dilated" if dilated else "float"
