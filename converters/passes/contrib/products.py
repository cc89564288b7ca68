"""Products and convolutions with what was fused into them: transposes, factors, activations, sums."""

from __future__ import annotations

from math import prod

import onnx_ir as ir

from edgemm.converters.passes.contrib.activations import activated
from edgemm.converters.passes.contrib.node import FusedNode
from edgemm.converters.passes.rewrite import array_of, shape_of

CONV = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")


def _kept(draft: FusedNode, *names: str) -> dict[str, object]:
    return {name: draft.node.attributes[name].value for name in names if name in draft.node.attributes}


def expand_matmul(draft: FusedNode) -> None:
    """FusedMatMul, FusedMatMulActivation, TransposeMatMul: alpha * A' B', transposed as the attributes say."""
    sides = [_turned(draft, index, letter) for index, letter in ((0, "A"), (1, "B"))]
    alpha = draft.number("alpha", 1.0)
    if alpha != 1.0:
        index = _scaled_side(sides)
        sides[index] = draft("Mul", sides[index], alpha)
    made = draft.op("MatMul", sides, None, sides[0].dtype)
    draft.becomes(activated(draft, made))


def _turned(draft: FusedNode, index: int, letter: str) -> ir.Value:
    """An operand with its batch dimensions in front, and its last two dimensions as the product takes them."""
    value = draft.input(index)
    rank = len(shape_of(value))
    if rank < 2:
        return value
    axes = list(range(rank))
    if draft.integer(f"transBatch{letter}", 0):
        axes = [*range(1, rank - 1), 0, rank - 1]
    if draft.integer(f"trans{letter}", 0):
        axes[-2:] = axes[-1], axes[-2]
    return draft.transpose(value, axes)


def _scaled_side(sides: list[ir.Value]) -> int:
    """Where a factor costs least: at a constant, else at the smaller operand."""
    return min((0, 1), key=lambda index: (array_of(sides[index]) is None, prod(shape_of(sides[index]))))


def expand_gemm(draft: FusedNode) -> None:
    """FusedGemm: a Gemm and an activation."""
    inputs = [draft.input(0), draft.input(1), *([draft.input(2)] if draft.has(2) else [])]
    made = draft.op(
        "Gemm", inputs, None, inputs[0].dtype, **_kept(draft, "alpha", "beta", "transA", "transB")
    )
    draft.becomes(activated(draft, made))


def expand_conv(draft: FusedNode) -> None:
    """FusedConv: a Conv, a sum with Z, and an activation."""
    inputs = [draft.input(0), draft.input(1), *([draft.input(2)] if draft.has(2) else [])]
    made = draft.op("Conv", inputs, None, inputs[0].dtype, **_kept(draft, *CONV))
    if draft.has(3):
        made = draft.op("Add", [made, draft.input(3)], None, made.dtype)
    draft.becomes(activated(draft, made))


def expand_nhwc_conv(draft: FusedNode) -> None:
    """NhwcConv: X [n, h, w, c], W [out, h, w, in]; the result has channels last too."""
    picture = draft.transpose(draft.input(0), (0, 3, 1, 2))
    weight = draft.transpose(draft.input(1), (0, 3, 1, 2))
    inputs = [picture, weight, *([draft.input(2)] if draft.has(2) else [])]
    made = draft.op("Conv", inputs, None, inputs[0].dtype, **_kept(draft, *CONV))
    draft.becomes(draft.op("Transpose", [made], None, made.dtype, perm=[0, 2, 3, 1]))


def expand_bias_add(draft: FusedNode) -> None:
    """BiasAdd: X + bias + skip."""
    draft.becomes(draft.plus(draft("Add", draft.input(0), draft.input(1)), 2))


def expand_bias_dropout(draft: FusedNode) -> None:
    """BiasDropout when nothing is dropped: data + bias + residual."""
    draft.refuse_output(1, "what was dropped")
    draft.becomes(draft.plus(draft("Add", draft.input(0), draft.input(1)), 2))


def expand_bias_softmax(draft: FusedNode) -> None:
    """BiasSoftmax: the softmax of data + bias, over all dimensions from the axis on."""
    total = draft("Add", draft.input(0), draft.input(1))
    shape = shape_of(total)
    axis = draft.integer("axis", 1) % len(shape)
    rows = draft.reshape(total, (*shape[:axis], prod(shape[axis:])))
    draft.becomes(draft.reshape(draft.unary("Softmax", rows, axis=axis), shape))
