"""Rounding to a grid, with gradients: as if the rounding were not there, and none where a number is cut off.

The straight-through estimator (Bengio et al., arXiv 1308.3432); the gradients of scales that follow from it are those
of LSQ (Esser et al., arXiv 1902.08153).
"""

from __future__ import annotations

import torch
from torch import Tensor

LOWEST, HIGHEST = -128.0, 127.0


def rounded(real: Tensor) -> Tensor:
    """Half to even, as every runtime does it; the gradient is that of `real`.

    The sum is exact: a number and what it is rounded to differ by less than either, or are 0 and a half at most.
    """
    return real + (torch.round(real) - real).detach()


def on_grid(real: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    """Activations as an int8 tensor holds them.

    Args:
        real: float32, any shape.
        scale: float32[], above 0.
        zero_point: float32[], whole, -128..127.
    """
    steps = torch.clamp(rounded(real / scale) + zero_point, LOWEST, HIGHEST)
    return (steps - zero_point) * scale


def symmetric(real: Tensor, scale: Tensor) -> Tensor:
    """Weights on -127..127 steps, with the division in double precision as the writers do it."""
    steps = torch.clamp(rounded(real.double() / scale.double()), -HIGHEST, HIGHEST)
    return steps.float() * scale


def whole_steps(real: Tensor, scale: Tensor) -> Tensor:
    """Biases on int32: nothing is cut off."""
    return (rounded(real.double() / scale.double()) * scale.double()).float()


def dynamic(real: Tensor, *, rows: bool = False) -> Tensor:
    """As DynamicQuantizeLinear does it: 256 steps over what the tensor holds now, 0.0 on one of them.

    Args:
        rows: each row of the last dimension has steps of its own, as in LiteRT.
    """
    held = real.detach()
    low = torch.clamp(held.amin(dim=-1, keepdim=True) if rows else held.amin(), max=0.0)
    high = torch.clamp(held.amax(dim=-1, keepdim=True) if rows else held.amax(), min=0.0)
    scale = torch.clamp((high - low) / 255.0, min=1e-12)
    zero_point = torch.clamp(torch.round(LOWEST - low / scale), LOWEST, HIGHEST)
    return on_grid(real, scale, zero_point)
