"""Networks that join, divide and reorder channels in the ways that networks do; canonical, with seeded weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.networks import NETWORKS, Network, seeded
from edgemm.converters.passes.rewrite import shape_of
from edgemm.converters.prepare import prepare


def conv(i: int, o: int, k: int = 3, g: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(i, o, k, 1, k // 2, groups=g), nn.Sigmoid())


class Dense(nn.Module):  # type: ignore[misc]
    """Concatenations that grow, with an input that passes through."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = conv(3, 8), conv(11, 12), conv(23, 8)
        self.last = nn.Conv2d(31, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.one, self.two, self.three):
            x = torch.cat([layer(x), x], 1)
        return self.last(x)


class Grouped(nn.Module):  # type: ignore[misc]
    """A grouped convolution, a residual sum over a concatenation, scales and shifts by channel."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.left, self.right = conv(3, 16), conv(16, 24, g=8), conv(24, 8), conv(24, 16)
        self.skip, self.last = conv(24, 24, 1), nn.Conv2d(24, 4, 3)
        self.scale = nn.Parameter(torch.randn(24, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.two(self.one(x))
        joined = torch.cat([self.left(x), self.right(x)], 1)
        return self.last(functional.pad(joined + self.skip(x) * self.scale + 0.5, (1, 1, 1, 1)))


class Shuffle(nn.Module):  # type: ignore[misc]
    """Channel shuffle, split into halves, squeeze and excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.left, self.right = conv(3, 16), conv(8, 8), nn.Sequential(conv(8, 12), conv(12, 8))
        self.squeeze, self.excite = nn.Conv2d(16, 8, 1), nn.Conv2d(8, 16, 1)
        self.last = nn.Linear(16 * 4 * 4, 5)

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.one(x).chunk(2, 1)
        x = torch.cat([self.left(one), self.right(two)], 1)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        x = x * self.excite(self.squeeze(x.mean((2, 3), keepdim=True)).relu()).sigmoid()
        return self.last(functional.avg_pool2d(x, 4).flatten(1)).softmax(-1)


class Pixels(nn.Module):  # type: ignore[misc]
    """Pixel shuffle, a resize, slices of channels, an instance norm, channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.up, self.norm = conv(3, 16), conv(16, 32), nn.InstanceNorm2d(8, affine=True)
        self.two, self.line, self.last = conv(6, 8), nn.Linear(8, 12), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pixel_shuffle(self.up(self.one(x)), 2)
        x = functional.interpolate(self.norm(x)[:, 2:], scale_factor=0.5, mode="nearest")
        return self.last(torch.tanh(self.line(self.two(x).permute(0, 2, 3, 1))))


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(12, 32), nn.GELU(), nn.Linear(32, 24), nn.LayerNorm(24), nn.ReLU(), nn.Linear(24, 4)
    )


OWN: tuple[tuple[str, Callable[[], nn.Module], tuple[int, ...]], ...] = (
    ("dense", Dense, (1, 3, 8, 8)),
    ("grouped", Grouped, (1, 3, 8, 8)),
    ("shuffle", Shuffle, (1, 3, 16, 16)),
    ("pixels", Pixels, (1, 3, 8, 8)),
    ("mlp", mlp, (1, 12)),
)
ALL = (*(Network(*each) for each in OWN), *NETWORKS)
NAMES = tuple(each.name for each in ALL)


@cache
def network(name: str) -> ir.Model:
    """The canonical graph; not to be changed."""
    chosen = next(each for each in ALL if each.name == name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return prepare(seeded(chosen), (torch.zeros(chosen.shape),)).model


def samples(model: ir.Model, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Seeded inputs."""
    rng = np.random.default_rng(seed)
    return [
        {str(v.name): rng.standard_normal(shape_of(v)).astype(np.float32) for v in model.graph.inputs}
        for _ in range(count)
    ]
