"""GELU in its forms: exact, by a tanh, by a sigmoid; with a bias in front."""

from __future__ import annotations

from math import pi, sqrt

import onnx_ir as ir

from edgemm.converters.passes.contrib.node import FusedNode
from edgemm.converters.passes.rewrite import shape_of


def exact(draft: FusedNode, x: ir.Value) -> ir.Value:
    """x / 2 * (1 + erf(x / sqrt 2)), spelled as PyTorch exports it."""
    erf = draft.unary("Erf", draft("Div", x, sqrt(2.0)))
    return draft("Mul", draft("Mul", x, draft("Add", erf, 1.0)), 0.5)


def by_tanh(draft: FusedNode, x: ir.Value) -> ir.Value:
    """x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))."""
    inner = draft("Add", x, draft("Mul", draft.power(x, 3.0), 0.044715))
    tanh = draft.unary("Tanh", draft("Mul", inner, sqrt(2.0 / pi)))
    return draft("Mul", draft("Mul", x, 0.5), draft("Add", tanh, 1.0))


def expand_bias_gelu(draft: FusedNode) -> None:
    """BiasGelu: A, then a bias B along its last axis."""
    draft.becomes(exact(draft, draft.plus(draft.input(0), 1)))


def expand_fast_gelu(draft: FusedNode) -> None:
    """FastGelu: X, and a bias or none."""
    draft.becomes(by_tanh(draft, draft.plus(draft.input(0), 1)))


def expand_gemm_fast_gelu(draft: FusedNode) -> None:
    """GemmFastGelu: X, W, and a bias or none."""
    draft.becomes(by_tanh(draft, draft.plus(draft.matmul(draft.input(0), draft.input(1)), 2)))


def expand_quick_gelu(draft: FusedNode) -> None:
    """QuickGelu: x * sigmoid(alpha x); alpha 1 is SiLU."""
    x, alpha = draft.input(0), draft.number("alpha", 1.702)
    scaled = x if alpha == 1.0 else draft("Mul", x, alpha)
    draft.becomes(draft("Mul", x, draft.unary("Sigmoid", scaled)))


def expand_split_gelu(draft: FusedNode) -> None:
    """BiasSplitGelu: the first half of X + bias times the GELU of the second."""
    total = draft.plus(draft.input(0), 1)
    axis, size = len(shape_of(total)) - 1, shape_of(total)[-1]
    left = draft.slice(total, 0, size // 2, axis)
    right = draft.slice(total, size // 2, size, axis)
    draft.becomes(draft("Mul", left, exact(draft, right)))
