"""Layer norm, RMS norm ("simplified") and group norm, with a residual sum in front."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.contrib.node import FusedNode
from edgemm.converters.passes.rewrite import shape_of

EPSILON = 1e-12
"""The default of the operators with a residual sum; the plain ones have 1e-5."""
STATISTICS = "a statistic of training"


def layer_norm(
    draft: FusedNode, x: ir.Value, scale: ir.Value, bias: ir.Value | None, epsilon: float, axis: int = -1
) -> ir.Value:
    """The standard operator."""
    inputs = [x, scale] if bias is None else [x, scale, bias]
    return draft.op("LayerNormalization", inputs, shape_of(x), axis=axis, epsilon=epsilon)


def rms_norm(draft: FusedNode, x: ir.Value, scale: ir.Value, epsilon: float, axes: Sequence[int]) -> ir.Value:
    """x / sqrt(mean(x^2) + epsilon) * scale."""
    root = draft.unary("Sqrt", draft("Add", draft.mean(draft.power(x, 2.0), axes), epsilon))
    return draft("Mul", draft("Div", x, root), scale)


def _refuse_statistics(draft: FusedNode, *indices: int) -> None:
    for index in indices:
        draft.refuse_output(index, STATISTICS)


def expand_layer_norm(draft: FusedNode) -> None:
    """LayerNormalization in an opset before 17: X, scale, bias."""
    _refuse_statistics(draft, 1, 2)
    epsilon, axis = draft.number("epsilon", 1e-5), draft.integer("axis", -1)
    draft.becomes(layer_norm(draft, draft.input(0), draft.input(1), draft.optional(2), epsilon, axis))


def expand_simplified_norm(draft: FusedNode) -> None:
    """SimplifiedLayerNormalization: X, scale."""
    _refuse_statistics(draft, 1)
    x, rank = draft.input(0), len(draft.shape())
    axes = range(draft.integer("axis", -1) % rank, rank)
    draft.becomes(rms_norm(draft, x, draft.input(1), draft.number("epsilon", 1e-5), list(axes)))


def expand_skip_norm(draft: FusedNode) -> None:
    """SkipLayerNormalization: input, skip, gamma, beta, bias; its last output is the sum of input, skip and bias."""
    total = _sum(draft, 4)
    epsilon = draft.number("epsilon", EPSILON)
    draft.becomes(layer_norm(draft, total, draft.input(2), draft.optional(3), epsilon))


def expand_skip_simplified_norm(draft: FusedNode) -> None:
    """SkipSimplifiedLayerNormalization: input, skip, gamma, bias."""
    total = _sum(draft, 3)
    axis = len(shape_of(total)) - 1
    draft.becomes(rms_norm(draft, total, draft.input(2), draft.number("epsilon", EPSILON), [axis]))


def _sum(draft: FusedNode, bias: int) -> ir.Value:
    """input + skip + bias, which output 3 gives too."""
    _refuse_statistics(draft, 1, 2)
    total = draft.plus(draft("Add", draft.input(0), draft.input(1)), bias)
    if draft.used(3):
        draft.replace(3, total)
    return total


def expand_group_norm(draft: FusedNode) -> None:
    """GroupNorm and SkipGroupNorm: X, gamma, beta (and skip, bias, their sum being an output), channels last or
    first; activation 1 is SiLU."""
    x = draft.input(0)
    if draft.node.op_type == "SkipGroupNorm":
        x = draft.plus(_with_skip(draft, x), 4)
        if draft.used(1):
            draft.replace(1, x)
    last = draft.integer("channels_last", 1) != 0
    normed = _grouped(draft, x, last)
    if draft.integer("activation", 0) == 1:
        normed = draft("Mul", normed, draft.unary("Sigmoid", normed))
    draft.becomes(normed)


def _with_skip(draft: FusedNode, x: ir.Value) -> ir.Value:
    """skip is like X, or [batch, channels] of channels last."""
    skip = draft.input(3)
    if len(shape_of(skip)) == 2:
        batch, channels = shape_of(skip)
        skip = draft.reshape(skip, (batch, *(1,) * (len(shape_of(x)) - 2), channels))
    return draft("Add", x, skip)


def _grouped(draft: FusedNode, x: ir.Value, last: bool) -> ir.Value:
    """As an instance norm of [batch, groups, elements], which is how PyTorch exports a group norm."""
    rank = len(shape_of(x))
    first = draft.transpose(x, (0, rank - 1, *range(1, rank - 1))) if last else x
    batch, channels, *sizes = shape_of(first)
    groups = draft.integer("groups", 0)
    if not groups or channels % groups:
        draft.refuse(f"{channels} channels in {groups} groups", "Export the model again")
    rows = draft.reshape(first, (batch, groups, channels // groups * prod(sizes)))
    one, none = (draft.constant(np.full(groups, each), x.dtype) for each in (1.0, 0.0))
    epsilon = draft.number("epsilon", 1e-5)
    normed = draft.op("InstanceNormalization", [rows, one, none], shape_of(rows), epsilon=epsilon)
    back = draft.reshape(normed, (batch, channels, *sizes))
    scale, bias = (
        draft.reshape(draft.cast(draft.input(index), _type(x)), (channels, *(1,) * len(sizes)))
        for index in (1, 2)
    )
    result = draft("Add", draft("Mul", back, scale), bias)
    return draft.transpose(result, (0, *range(2, rank), 1)) if last else result


def _type(value: ir.Value) -> ir.DataType:
    return value.dtype or ir.DataType.FLOAT
