"""Rounding to a grid, with gradients: as if the rounding were not there, and none where a number is cut off.

The straight-through estimator (Bengio et al., arXiv 1308.3432); the gradients of scales that follow from it are those
of LSQ (Esser et al., arXiv 1902.08153).
"""

from __future__ import annotations

import torch
from torch import Tensor

LOWEST, HIGHEST = -128.0, 127.0
STEPS = HIGHEST - LOWEST


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


def symmetric(real: Tensor, scale: Tensor, most: int = int(HIGHEST)) -> Tensor:
    """Weights on -most..most steps, with the division in double precision as the writers do it."""
    steps = torch.clamp(rounded(real.double() / scale.double()), -most, most)
    return steps.float() * scale


def whole_steps(real: Tensor, scale: Tensor) -> Tensor:
    """Biases on int32: nothing is cut off."""
    return (rounded(real.double() / scale.double()) * scale.double()).float()


def dynamic(real: Tensor) -> Tensor:
    """As DynamicQuantizeLinear does it: 256 steps over what the tensor holds now, 0.0 on one of them."""
    held = real.detach()
    low, high = torch.clamp(held.amin(), max=0.0), torch.clamp(held.amax(), min=0.0)
    scale = torch.clamp((high - low) / STEPS, min=1e-12)
    zero_point = torch.clamp(torch.round(LOWEST - low / scale), LOWEST, HIGHEST)
    return on_grid(real, scale, zero_point)


def dynamic_rows(real: Tensor) -> Tensor:
    """The same for each row of the last dimension, as XNNPACK does it: numbers are multiplied with steps per unit. What
    was on a grid before often falls on a half, and a division would round it to the other side."""
    held = real.detach()
    low = torch.clamp(held.amin(dim=-1, keepdim=True), max=0.0)
    high = torch.clamp(held.amax(dim=-1, keepdim=True), min=0.0)
    flat = low == high
    width = torch.where(flat, STEPS, high - low)
    per_unit = torch.full_like(width, STEPS) / width  # STEPS / width would multiply with a rounded reciprocal
    below, above = low * per_unit, high * per_unit
    nearer = (LOWEST + below) + (HIGHEST + above) > 0
    zero_point = torch.where(nearer, LOWEST - below, HIGHEST - above)
    zero_point = torch.round(torch.clamp(zero_point, LOWEST, HIGHEST))
    steps = torch.clamp(rounded(real * per_unit) + zero_point, LOWEST, HIGHEST)
    return (steps - zero_point) * (1.0 / per_unit)
