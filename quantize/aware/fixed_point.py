"""Integer arithmetic as TFLite's kernels do it: a real factor as 31 bits and a shift, each of which rounds.

https://github.com/google/gemmlowp/blob/master/fixedpoint/fixedpoint.h: SaturatingRoundingDoublingHighMul and
RoundingDivideByPOT.
"""

from __future__ import annotations

import torch
from torch import Tensor

BITS = 31


def half_away(real: Tensor) -> Tensor:
    """Rounded, halves away from zero."""
    return torch.trunc(real + torch.copysign(torch.full_like(real, 0.5), real))


def factor_of(real: Tensor) -> tuple[Tensor, Tensor]:
    """A factor above 0 as (int64[] of 31 bits, shift to the left int64[]): factor x 2^(shift - 31).

    Args:
        real: float64[].
    """
    mantissa, exponent = torch.frexp(real)
    whole = torch.floor(torch.ldexp(mantissa, torch.tensor(BITS)) + 0.5).long()
    full = whole == 1 << BITS
    return torch.where(full, whole >> 1, whole), exponent.long() + full.long()


def multiplied(steps: Tensor, real: Tensor) -> Tensor:
    """MultiplyByQuantizedMultiplier: the high half of the product, rounded, then shifted to the right, rounded.

    Args:
        steps: whole, within int32; float64, any shape.
        real: the factor, float64[].

    Returns:
        Whole, float64.
    """
    factor, shift = factor_of(real)
    left, right = torch.clamp(shift, min=0), torch.clamp(-shift, min=0)
    product = (steps.long() << left) * factor
    nudge = torch.where(product >= 0, 1 << (BITS - 1), 1 - (1 << (BITS - 1)))
    high = torch.div(product + nudge, 1 << BITS, rounding_mode="trunc")
    half = torch.where(right > 0, torch.ones_like(right) << torch.clamp(right - 1, min=0), 0)
    return (torch.sign(high) * ((high.abs() + half) >> right)).double()
