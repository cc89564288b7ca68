"""Convolutions over volumes by those over pictures, and columns put back together to pictures.

The depth moves into the batch, and the taps along it into the channels: so they are integer wherever
convolutions over pictures are.
"""

from __future__ import annotations

from math import prod

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import array_of, shape_of
from edgemm.converters.passes.window import Window, windows_of


def expand_conv_3d(node: ir.Node) -> bool:
    """Conv over three dimensions -> Conv over two."""
    draft = Draft(node)
    source, kernel = draft.input(), draft.known(1)
    if kernel is None or kernel.ndim != 5:
        return False
    batch, channels, _, height, width = shape_of(source)
    windows = windows_of(node, shape_of(source)[2:], kernel.shape[2:])
    group = draft.integer("group", 1)
    share = channels // group
    depth, *flat = windows
    padded = draft.pad(source, [(0, 0), (0, 0), (depth.begin, depth.end), (0, 0), (0, 0)])
    turned = draft.transpose(padded, (0, 2, 1, 3, 4))
    taps = np.arange(depth.steps)[:, None] * depth.stride + np.arange(depth.kernel)[None] * depth.dilation
    wide = depth.size + depth.begin + depth.end
    slices = draft.gather(draft.reshape(turned, (batch, wide, -1)), taps, 1)
    if group > 1:
        parts = draft.reshape(slices, (batch * depth.steps, depth.kernel, group, share * height * width))
        slices = draft.transpose(parts, (0, 2, 1, 3))
    pictures = draft.reshape(slices, (batch * depth.steps, channels * depth.kernel, height, width))
    weights = kernel.transpose(0, 2, 1, 3, 4).reshape(
        kernel.shape[0], depth.kernel * share, *kernel.shape[3:]
    )
    bias = [draft.input(2)] if draft.has(2) else []
    out = [window.steps for window in flat]
    made = draft.op(
        "Conv",
        [pictures, draft.constant(weights), *bias],
        (batch * depth.steps, kernel.shape[0], *out),
        group=group,
        kernel_shape=list(kernel.shape[3:]),
        strides=[window.stride for window in flat],
        dilations=[window.dilation for window in flat],
        pads=[*(window.begin for window in flat), *(window.end for window in flat)],
    )
    apart = draft.reshape(made, (batch, depth.steps, kernel.shape[0], *out))
    return draft.becomes(draft.transpose(apart, (0, 2, 1, 3, 4)))


def expand_conv_transpose_3d(node: ir.Node) -> bool:
    """ConvTranspose over three dimensions -> over two, and sums of what meets along the depth."""
    draft = Draft(node)
    source, kernel = draft.input(), draft.known(1)
    if kernel is None or kernel.ndim != 5:
        return False
    if draft.text("auto_pad", "NOTSET") != "NOTSET" or "output_shape" in node.attributes:
        draft.refuse("a volume with auto_pad or output_shape", "Export the model with pads")
    batch, channels, size, height, width = shape_of(source)
    group, (_, share, taps, *flat) = draft.integer("group", 1), kernel.shape
    strides, dilations = draft.integers("strides", (1,) * 3), draft.integers("dilations", (1,) * 3)
    pads, more = draft.integers("pads", (0,) * 6), draft.integers("output_padding", (0,) * 3)
    pictures = draft.reshape(
        draft.transpose(source, (0, 2, 1, 3, 4)), (batch * size, channels, height, width)
    )
    weights = kernel.transpose(0, 2, 1, 3, 4).reshape(channels, taps * share, *flat)
    out = shape_of(node.outputs[0])[2:]
    shape = (batch * size, group * taps * share, *out[1:])
    spread = draft.op(
        "ConvTranspose",
        [pictures, draft.constant(weights)],
        shape,
        group=group,
        kernel_shape=flat,
        strides=list(strides[1:]),
        dilations=list(dilations[1:]),
        pads=[*pads[1:3], *pads[4:]],
        output_padding=list(more[1:]),
    )
    apart = draft.reshape(spread, (batch * size, group, taps, share * prod(out[1:])))
    rows = draft.reshape(draft.transpose(apart, (0, 2, 1, 3)), (batch, size * taps, -1))
    where = np.zeros((1, out[0], size, taps), np.float32)
    for depth in range(size):
        for tap in range(taps):
            place = depth * strides[0] + tap * dilations[0] - pads[0]
            if 0 <= place < out[0]:
                where[0, place, depth, tap] = 1.0
    summed = draft.op(
        "MatMul",
        [draft.constant(where.reshape(1, out[0], -1)), rows],
        (batch, out[0], shape_of(rows)[2]),
        source.dtype,
    )
    volume = draft.transpose(draft.reshape(summed, (batch, out[0], group * share, *out[1:])), (0, 2, 1, 3, 4))
    if draft.has(2):
        bias = array_of(draft.input(2))
        if bias is None:
            draft.refuse("a computed bias", "Add it behind the ConvTranspose")
        else:
            volume = draft("Add", volume, bias.reshape(-1, 1, 1, 1))
    return draft.becomes(volume)


def expand_col2im(node: ir.Node) -> bool:
    """Col2Im -> ConvTranspose whose kernels each have one 1."""
    draft = Draft(node)
    image, block = draft.known(1), draft.known(2)
    if image is None or block is None:
        return False
    source, rank = draft.input(), len(image)
    batch, columns, _ = shape_of(source)
    sizes, kernel = [int(each) for each in image], [int(each) for each in block]
    strides, dilations = draft.integers("strides", (1,) * rank), draft.integers("dilations", (1,) * rank)
    pads = draft.integers("pads", (0,) * 2 * rank)
    lines = [
        Window(sizes[d], kernel[d], strides[d], dilations[d], pads[d], pads[d + rank]) for d in range(rank)
    ]
    steps = [line.steps for line in lines]
    taps = prod(kernel)
    channels = columns // taps
    spare = [
        line.size + line.begin + line.end - (line.steps - 1) * line.stride - line.extent for line in lines
    ]
    pictures = draft.reshape(source, (batch * channels, taps, *steps))
    ones = np.eye(taps, dtype=np.float32).reshape(taps, 1, *kernel)
    made = draft.op(
        "ConvTranspose",
        [pictures, draft.constant(ones)],
        (batch * channels, 1, *sizes),
        kernel_shape=kernel,
        strides=list(strides),
        dilations=list(dilations),
        pads=list(pads),
        output_padding=spare,
    )
    return draft.becomes(draft.reshape(made, (batch, channels, *sizes)))
