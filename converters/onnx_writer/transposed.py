"""Transposed convolutions as convolutions, for integer ONNX files: ONNX Runtime has no integer kernel of the former.

Output element s*i + p of a transposed convolution with stride s is a convolution with every s-th tap from p on: so
one convolution makes the s*s elements of each block as channels, and DepthToSpace lays them out. Relus and Clips behind
it move in front of DepthToSpace, where the convolution fuses them. Shi et al. 2016, https://arxiv.org/abs/1609.07009
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import Array, nodes_of, shape_of, sole_consumer
from edgemm.quantize.declared import copy
from edgemm.quantize.fusion import bounds


def spread_transposed(model: ir.Model) -> int:
    """ConvTranspose over one or two dimensions -> Conv, DepthToSpace (or transposes) and Slice, in place.

    Precondition: canonical.

    Returns:
        How many were replaced; the graph is to be made canonical again.
    """
    return sum(_spread(node) for node in nodes_of(model, "ConvTranspose"))


def _spread(node: ir.Node) -> bool:
    draft = Draft(node)
    kernel = draft.known(1)
    rank = 0 if kernel is None else kernel.ndim - 2
    if kernel is None or rank not in (1, 2) or (draft.has(2) and draft.input(2).const_value is None):
        return False
    strides = draft.integers("strides", (1,) * rank)
    kernel = _dilated(kernel, draft.integers("dilations", (1,) * rank))
    out = shape_of(node.outputs[0])[2:]
    lines = [
        _line(size, taps, stride, begin, wide)
        for size, taps, stride, begin, wide in zip(
            shape_of(draft.input())[2:],
            kernel.shape[2:],
            strides,
            _begins(draft, kernel, out),
            out,
            strict=True,
        )
    ]
    value = _convolved(draft, kernel, strides, lines)
    ends = _activations(node)
    for end in ends:
        value = draft.op(end.op_type, [value, *end.inputs[1:]], shape_of(value))
        copy(end.outputs[0], value)
    value = _laid_out(draft, value, strides)
    for axis, (line, wide) in enumerate(zip(lines, out, strict=True), 2):
        value = draft.slice(value, line.begin, line.begin + wide, axis)
    return Draft((node, *ends)[-1]).becomes(value)


@dataclass(frozen=True, slots=True)
class _Line:
    """The convolution along one dimension."""

    taps: int
    front: int
    """Padding in front."""
    end: int
    """Padding behind; negative: elements that no output needs."""
    long: int
    """Blocks that come out."""
    begin: int
    """Elements of the first block that are cut off."""


def _line(size: int, kernel: int, stride: int, begin: int, out: int) -> _Line:
    taps = -(-kernel // stride)
    skipped = min(begin // stride, taps - 1)
    begin -= skipped * stride
    front = taps - 1 - skipped
    long = -(-(begin + out) // stride)
    return _Line(taps, front, long + taps - 1 - size - front, long, begin)


def _convolved(draft: Draft, kernel: Array, strides: tuple[int, ...], lines: list[_Line]) -> ir.Value:
    """float32[n, channels * phases, *blocks]"""
    group = draft.integer("group", 1)
    weights = _phases(kernel, strides, [line.taps for line in lines], group)
    source, bias = draft.input(), draft.known(2)
    for axis, line in enumerate(lines, 2):
        source = draft.slice(source, 0, shape_of(source)[axis] + min(line.end, 0), axis)
    repeated = np.zeros(len(weights), np.float32) if bias is None else np.repeat(bias, prod(strides))
    return draft.op(
        "Conv",
        [source, draft.constant(weights), draft.constant(repeated)],
        (shape_of(source)[0], len(weights), *(line.long for line in lines)),
        group=group,
        kernel_shape=[line.taps for line in lines],
        strides=[1] * len(lines),
        dilations=[1] * len(lines),
        pads=[*(line.front for line in lines), *(max(line.end, 0) for line in lines)],
    )


def _dilated(kernel: Array, dilations: tuple[int, ...]) -> Array:
    reach = [(taps - 1) * step + 1 for taps, step in zip(kernel.shape[2:], dilations, strict=True)]
    wide = np.zeros((*kernel.shape[:2], *reach), kernel.dtype)
    wide[(slice(None), slice(None), *(slice(None, None, step) for step in dilations))] = kernel
    return wide


def _begins(draft: Draft, kernel: Array, out: tuple[int, ...]) -> list[int]:
    """How much is cut off in front, along each dimension."""
    sizes = shape_of(draft.input())[2:]
    rank = len(sizes)
    auto = draft.text("auto_pad", "NOTSET")
    if "output_shape" not in draft.node.attributes and auto not in ("SAME_UPPER", "SAME_LOWER"):
        return list(draft.integers("pads", (0,) * 2 * rank)[:rank])
    strides, more = draft.integers("strides", (1,) * rank), draft.integers("output_padding", (0,) * rank)
    total = [
        stride * (size - 1) + extra + taps - wide
        for stride, size, extra, taps, wide in zip(strides, sizes, more, kernel.shape[2:], out, strict=True)
    ]
    return [max(each // 2 if auto == "SAME_UPPER" else each - each // 2, 0) for each in total]


def _phases(kernel: Array, strides: tuple[int, ...], taps: list[int], group: int) -> Array:
    """[in, out / group, *kernel] -> [out * phases, in / group, *taps], flipped, the phases of a channel together."""
    spatial = range(2, kernel.ndim)
    whole = [(0, 0), (0, 0)]
    whole += [
        (0, each * stride - size) for each, stride, size in zip(taps, strides, kernel.shape[2:], strict=True)
    ]
    padded = np.pad(kernel, whole)
    ins, outs = kernel.shape[0] // group, kernel.shape[1]
    split = [each for pair in zip(taps, strides, strict=True) for each in pair]
    parts = padded.reshape(group, ins, outs, *split)
    rank = len(spatial)
    order = (0, 2, *(4 + 2 * axis for axis in range(rank)), 1, *(3 + 2 * axis for axis in range(rank)))
    turned = parts.transpose(order).reshape(group * outs * prod(strides), ins, *taps)
    return np.ascontiguousarray(np.flip(turned, tuple(range(2, turned.ndim))))


def _activations(node: ir.Node) -> list[ir.Node]:
    """Relus and Clips that alone read the node, and each other: the same on every element, wherever it lies."""
    found: list[ir.Node] = []
    after = sole_consumer(node.outputs[0])
    while after is not None and bounds(after) is not None:
        found.append(after)
        after = sole_consumer(after.outputs[0])
    return found


def _laid_out(draft: Draft, value: ir.Value, strides: tuple[int, ...]) -> ir.Value:
    """[n, channels * phases, *size] -> [n, channels, *size * strides]."""
    phases = prod(strides)
    if phases == 1:
        return value
    batch, deep, *sizes = shape_of(value)
    shape = (batch, deep // phases, *(size * stride for size, stride in zip(sizes, strides, strict=True)))
    if len(set(strides)) == 1 and len(strides) == 2:
        return draft.op("DepthToSpace", [value], shape, mode="CRD", blocksize=strides[0])
    rank = len(strides)
    parts = draft.reshape(value, (batch, deep // phases, *strides, *sizes))
    order = [0, 1, *(each for axis in range(rank) for each in (2 + rank + axis, 2 + axis))]
    return draft.reshape(draft.transpose(parts, order), shape)
