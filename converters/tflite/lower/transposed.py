"""Transposed convolutions over one and two dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.tflite.attributes import Attributes, refuse
from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lower.weights import bias, unpacked, weights
from edgemm.converters.tflite.lowering import Lowering, channels_last
from edgemm.converters.tflite.schema import enum

MAX_GROUPS = 32
"""Each group becomes an operator of its own."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a transposed convolution spreads its input over two spatial dimensions."""

    sizes: tuple[int, int]
    """Of the input: height, width."""
    kernel: tuple[int, int]
    """Dilation counted in."""
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    """Top, left, bottom, right: what is cut off the full output."""
    out: tuple[int, int]
    """Size of the output."""

    @property
    def full(self) -> tuple[int, int]:
        """Size of what is computed before anything is cut off: at least what the output asks for."""
        height, width = (
            max((size - 1) * stride + kernel, begin + out)
            for size, stride, kernel, begin, out in zip(
                self.sizes, self.strides, self.kernel, self.pads[:2], self.out, strict=True
            )
        )
        return height, width

    @property
    def is_same(self) -> bool:
        """True when it is TensorFlow's SAME: the output is stride times the input, half cut off first."""
        for size, stride, kernel, begin, out in zip(
            self.sizes, self.strides, self.kernel, self.pads[:2], self.out, strict=True
        ):
            total = max(kernel - stride, 0)
            if out != size * stride or begin != total // 2:
                return False
        return True


def lower_conv_transpose(ctx: Lowering, node: ir.Node) -> None:
    """ConvTranspose -> TRANSPOSE_CONV, and a STRIDED_SLICE where more than SAME or VALID is cut off."""
    kernel = ctx.constant_of(ctx.value(node, 1))
    rank = len(ctx.shape(ctx.value(node)))
    if kernel is None or rank not in (3, 4):
        refuse(node, f"{rank - 2} dimensions, or computed weights", "Convert to .onnx")
    spread, group, kernel = _read(ctx, node, kernel, rank)
    if group > MAX_GROUPS:
        refuse(node, f"{group} groups; at most {MAX_GROUPS} are written", "Convert to .onnx")
    source = ctx.get(node, 0, channels_last(rank))
    source = ctx.reshape(source, (source.shape[0], *spread.sizes, source.shape[-1]))
    final = ctx.result(node, channels_last(rank), fuse=False)
    outputs = final.shape[-1]
    shape = (source.shape[0], *spread.out, outputs)
    made = (
        final
        if final.shape == shape
        else ctx.graph.tensor(f"{final.name}_picture", shape, final.dtype, final.grid)
    )
    if group == 1:
        _one(ctx, node, source, kernel, spread, made, slice(None))
    else:
        _grouped(ctx, node, source, kernel, spread, made, group)
    if made is not final:
        ctx.reshape_op(made, final)


def _read(
    ctx: Lowering, node: ir.Node, kernel: npt.NDArray[Any], rank: int
) -> tuple[Spread, int, npt.NDArray[Any]]:
    """The geometry, the groups, and the kernel [in, out, height, width] with its dilation written out."""
    spatial = rank - 2
    attributes = Attributes(node)
    ones, zeros = (1,) * spatial, (0,) * spatial
    attributes.integers("kernel_shape", ())
    strides = attributes.integers("strides", ones)
    dilations = attributes.integers("dilations", ones)
    pads = attributes.integers("pads", zeros * 2)
    more = attributes.integers("output_padding", zeros)
    wanted = attributes.integers("output_shape", ())
    auto = attributes.text("auto_pad", "NOTSET")
    group = attributes.integer("group", 1)
    attributes.done()
    sizes = ctx.shape(ctx.value(node))[2:]
    out = ctx.shape(node.outputs[0])[2:]
    reach = [(taps - 1) * dilation + 1 for taps, dilation in zip(kernel.shape[2:], dilations, strict=True)]
    if wanted or auto in ("SAME_UPPER", "SAME_LOWER"):
        total = [
            stride * (size - 1) + extra + taps - wide
            for stride, size, extra, taps, wide in zip(strides, sizes, more, reach, out, strict=True)
        ]
        begins = [each // 2 if auto == "SAME_UPPER" else each - each // 2 for each in total]
        pads = (*begins, *(each - begin for each, begin in zip(total, begins, strict=True)))
    if min(pads[:spatial]) < 0:
        refuse(node, f"negative pads {pads}", "Give pads that are not negative")
    dilated = np.zeros((*kernel.shape[:2], *reach), kernel.dtype)
    dilated[(slice(None), slice(None), *(slice(None, None, d) for d in dilations))] = kernel
    if spatial == 1:
        dilated = dilated[:, :, None]
        sizes, reach, strides, out = (1, *sizes), [1, *reach], (1, *strides), (1, *out)
        pads = (0, pads[0], 0, pads[1])
    spread = Spread(tuple(sizes), tuple(reach), tuple(strides), tuple(pads), tuple(out))  # type: ignore[arg-type]
    return spread, group, dilated


def _one(
    ctx: Lowering,
    node: ir.Node,
    source: Tensor,
    kernel: npt.NDArray[Any],
    spread: Spread,
    made: Tensor,
    part: slice,
) -> None:
    """One dense transposed convolution into `made`; `part` are the output channels of a group."""
    stored = weights(ctx, node, 1, kernel, (1, 2, 3, 0))
    if ctx.is_dynamic(node):
        stored = unpacked(ctx, stored)
    added = bias(ctx, node, 2)
    if added is not None and added.data is not None and part != slice(None):
        grid = added.grid
        added = ctx.graph.constant(added.name, added.data[part], grid)
    same = spread.is_same
    size = spread.out if same else spread.full
    shape = (source.shape[0], *size, kernel.shape[1])
    whole = (
        made if shape == made.shape else ctx.graph.tensor(f"{made.name}_full", shape, made.dtype, made.grid)
    )
    sizes = ctx.graph.constant(f"{whole.name}_dims", np.array(shape, np.int32))
    options = {
        "padding": enum("Padding", "SAME" if same else "VALID"),
        "strideH": spread.strides[0],
        "strideW": spread.strides[1],
    }
    inputs = [sizes, stored, source, *([added] if added is not None else [])]
    ctx.op("TRANSPOSE_CONV", inputs, [whole], options, "int8" if ctx.is_int8(node) else "float")
    if whole is not made:
        top, left = spread.pads[:2]
        begin = (0, top, left, 0)
        end = (shape[0], top + spread.out[0], left + spread.out[1], shape[3])
        _slice(ctx, whole, made, begin, end)


def _grouped(
    ctx: Lowering,
    node: ir.Node,
    source: Tensor,
    kernel: npt.NDArray[Any],
    spread: Spread,
    made: Tensor,
    group: int,
) -> None:
    """One transposed convolution for each group of channels, put together again."""
    ins, outs = kernel.shape[0] // group, kernel.shape[1]
    parts = []
    for index in range(group):
        shape = (*source.shape[:3], ins)
        piece = ctx.graph.tensor(f"{made.name}_in{index}", shape, source.dtype, source.grid)
        _slice(ctx, source, piece, (0, 0, 0, index * ins), (*shape[:3], (index + 1) * ins))
        part = ctx.graph.tensor(f"{made.name}_group{index}", (*made.shape[:3], outs), made.dtype, made.grid)
        rows = kernel[index * ins : (index + 1) * ins]
        _one(ctx, node, piece, rows, spread, part, slice(index * outs, (index + 1) * outs))
        parts.append(part)
    ctx.op("CONCATENATION", parts, [made], {"axis": 3}, ctx.form(node))


def _slice(
    ctx: Lowering, source: Tensor, result: Tensor, begin: tuple[int, ...], end: tuple[int, ...]
) -> None:
    constants = [
        ctx.graph.constant(f"{result.name}_{what}", np.array(values, np.int32))
        for what, values in (("begin", begin), ("end", end), ("strides", (1,) * len(begin)))
    ]
    ctx.op("STRIDED_SLICE", [source, *constants], [result], form="int8" if source.is_int8 else "float")
