"""The grids of activations while a network trains: as the plan has them, or with ends that are learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from edgemm.quantize.aware.rounding import HIGHEST, LOWEST, STEPS, rounded
from edgemm.quantize.aware.sharing import SharedGrid
from edgemm.quantize.grid import Grid

MOST = 6.0
"""A learned end moves by at most e to that power."""


class ActivationRanges(nn.Module):  # type: ignore[misc]
    """The scale and zero point of every grid.

    A learned range has two parameters, the logarithms of how far its ends have moved: an end that is 0 stays 0, zero
    stays inside, and a learning rate means the same for small and large numbers.

    Args:
        shared: the grids.
        learned: move those that are not fixed.
        sizes: numbers on each grid in one sample, by which gradients are evened out as in LSQ.
    """

    def __init__(self, shared: Sequence[SharedGrid], *, learned: bool, sizes: Sequence[int]) -> None:
        super().__init__()
        self._shared = tuple(shared)
        scale = np.array([each.grid.scalar for each in shared], np.float32)
        zero = np.array([each.grid.zero_point for each in shared], np.float32)
        self.register_buffer("scale", torch.from_numpy(scale))
        self.register_buffer("zero_point", torch.from_numpy(zero))
        moves = torch.tensor([learned and not each.fixed for each in shared], dtype=torch.bool)
        self.register_buffer("moves", moves.reshape(-1, 1))
        even = torch.tensor([each.even for each in shared], dtype=torch.bool)
        self.register_buffer("_even", even, persistent=False)
        self.ends = nn.Parameter(torch.zeros(len(shared), 2), requires_grad=bool(moves.any()))
        self._even_out(sizes)

    def _even_out(self, sizes: Sequence[int]) -> None:
        if not self.ends.requires_grad:
            return
        size = torch.tensor(sizes, dtype=torch.float32).reshape(-1, 1)
        self.register_buffer("_factor", 1.0 / torch.sqrt(size * HIGHEST), persistent=False)
        self.ends.register_hook(lambda gradient: torch.where(self.moves, gradient * self._factor, 0.0))

    def forward(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Value name -> (scale float32[], zero point float32[])."""
        scale, zero_point = self._now()
        return {
            name: (scale[index], zero_point[index])
            for index, each in enumerate(self._shared)
            for name in each.values
        }

    def _now(self) -> tuple[Tensor, Tensor]:
        """A grid that has not moved is the plan's own, and not what divisions leave of it."""
        scale, zero_point = self._moved()
        still = ~self.moves[:, 0] | (self.ends.detach() == 0.0).all(dim=1)
        scale = torch.where(still, self.scale + (scale - scale.detach()), scale)
        return scale, torch.where(still, self.zero_point + (zero_point - zero_point.detach()), zero_point)

    def _moved(self) -> tuple[Tensor, Tensor]:
        by = torch.exp(torch.clamp(torch.where(self.moves, self.ends, 0.0), -MOST, MOST))
        low = (LOWEST - self.zero_point) * self.scale * by[:, 0]
        high = (HIGHEST - self.zero_point) * self.scale * by[:, 1]
        scale = (high - low) / STEPS
        zero_point = torch.clamp(rounded(LOWEST - low / scale), LOWEST, HIGHEST)
        scale = torch.where(self._even, self.scale * by[:, 0], scale)
        return scale, torch.where(self._even, self.zero_point, zero_point)

    def grids(self) -> Mapping[str, Grid]:
        """Value name -> the grid as it is now, for every value."""
        with torch.no_grad():
            found = {name: (float(scale), int(zero)) for name, (scale, zero) in self().items()}
        return {name: Grid(np.array([scale], np.float32), zero) for name, (scale, zero) in found.items()}
