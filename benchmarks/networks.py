"""Twelve small networks of the families that are converted, with seeded weights: what converters are measured on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Network(NamedTuple):
    """One architecture."""

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    """Of its one input."""


def seeded(network: Network) -> nn.Module:
    """The module in evaluation mode; batch norms have statistics as after training."""
    torch.manual_seed(0)
    module = network.build()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 1.5)
    return module.eval()


def inputs(network: Network, count: int) -> list[Tensor]:
    """Smooth seeded inputs: blurred noise, as pictures and sound are, not white noise."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn((count, *network.shape[1:]), generator=generator)
    if noise.ndim == 4 and noise.shape[-1] > 4:
        noise = functional.avg_pool2d(noise, 3, 1, 1) * 2
    if noise.ndim == 3 and network.name == "audio":
        noise = functional.avg_pool1d(noise, 5, 1, 2) * 2
    return [noise[i : i + 1] for i in range(count)]


def _conv(
    i: int, o: int, k: int = 3, s: int = 1, g: int = 1, d: int = 1, act: Any = nn.ReLU
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(i, o, k, s, d * (k // 2), groups=g, dilation=d, bias=False), nn.BatchNorm2d(o), act()
    )


def _head(channels: int, classes: int = 10) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]


def plain() -> nn.Module:
    return nn.Sequential(
        _conv(3, 16), nn.MaxPool2d(2), _conv(16, 32), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 64, 10)
    )


def depthwise() -> nn.Module:
    blocks = [_conv(3, 16, s=2)]
    for i, o, s in ((16, 32, 1), (32, 64, 2), (64, 64, 1)):
        blocks += [_conv(i, i, s=s, g=i), _conv(i, o, k=1)]
    return nn.Sequential(*blocks, *_head(64))


class Residual(nn.Module):
    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(channels, channels),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.body(x))


def residual() -> nn.Module:
    return nn.Sequential(_conv(3, 16), Residual(), Residual(), nn.AvgPool2d(2), Residual(), *_head(16))


class Inverted(nn.Module):
    def __init__(self, channels: int, wide: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(channels, wide, k=1, act=nn.Hardswish),
            _conv(wide, wide, g=wide, act=nn.Hardswish),
            nn.Conv2d(wide, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def inverted() -> nn.Module:
    return nn.Sequential(_conv(3, 16, s=2, act=nn.Hardswish), Inverted(16, 64), Inverted(16, 64), *_head(16))


def dilated() -> nn.Module:
    return nn.Sequential(_conv(3, 16), _conv(16, 16, d=2), _conv(16, 16, d=4), nn.Conv2d(16, 4, 1))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.deep = _conv(3, 8), _conv(8, 16), _conv(16, 32)
        self.up_two = nn.ConvTranspose2d(32, 16, 2, 2)
        self.up_one = nn.ConvTranspose2d(16, 8, 2, 2)
        self.join_two, self.join_one = _conv(32, 16), _conv(16, 8)
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.one(x)
        two = self.two(functional.max_pool2d(one, 2))
        deep = self.deep(functional.max_pool2d(two, 2))
        two = self.join_two(torch.cat([self.up_two(deep), two], 1))
        return self.last(self.join_one(torch.cat([self.up_one(two), one], 1)))


def audio() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(1, 16, 16, 4, 6), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(4),
        nn.Conv1d(16, 32, 3, padding=1), nn.BatchNorm1d(32), nn.ReLU(), nn.MaxPool1d(4),
        nn.Conv1d(32, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, dropout=0.0)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.last = nn.Linear(64, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.layers(x).mean(1))


class Attention(nn.Module):
    """Written by hand, as courses do."""

    def __init__(self, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        q, k, v = (
            f(x).reshape(n, length, self.heads, self.size).transpose(1, 2) for f in (self.q, self.k, self.v)
        )
        shares = torch.softmax(q @ k.transpose(-1, -2) / self.size**0.5, -1)
        return self.norm(x + self.o((shares @ v).transpose(1, 2).reshape(n, length, width)))


class Patches(nn.Module):
    """A small vision transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 64, 8, 8)
        self.place = nn.Parameter(torch.randn(1, 16, 64) * 0.02)
        self.attention = Attention()
        self.mlp = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 64))
        self.last = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x).flatten(2).transpose(1, 2) + self.place
        tokens = self.attention(tokens)
        return self.last((tokens + self.mlp(tokens)).mean(1))


def generator() -> nn.Module:
    def up(i: int, o: int, k: int, s: int, p: int) -> list[nn.Module]:
        return [nn.ConvTranspose2d(i, o, k, s, p, bias=False), nn.BatchNorm2d(o), nn.ReLU()]

    return nn.Sequential(
        *up(100, 64, 4, 1, 0),
        *up(64, 32, 4, 2, 1),
        *up(32, 16, 4, 2, 1),
        nn.ConvTranspose2d(16, 1, 4, 2, 1),
        nn.Tanh(),
    )


def discriminator() -> nn.Module:
    def down(i: int, o: int) -> list[nn.Module]:
        return [nn.Conv2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.2)]

    first = [nn.Conv2d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2)]
    return nn.Sequential(
        *first, *down(16, 32), *down(32, 64), nn.Conv2d(64, 1, 4, 1, 0), nn.Sigmoid(), nn.Flatten()
    )


NETWORKS = (
    Network("plain", plain, (1, 3, 32, 32)),
    Network("depthwise", depthwise, (1, 3, 32, 32)),
    Network("residual", residual, (1, 3, 32, 32)),
    Network("inverted", inverted, (1, 3, 32, 32)),
    Network("dilated", dilated, (1, 3, 32, 32)),
    Network("u_net", UNet, (1, 3, 32, 32)),
    Network("audio", audio, (1, 1, 2000)),
    Network("transformer", Encoder, (1, 16, 64)),
    Network("attention", Attention, (1, 16, 64)),
    Network("patches", Patches, (1, 3, 32, 32)),
    Network("dcgan_g", generator, (1, 100, 1, 1)),
    Network("dcgan_d", discriminator, (1, 1, 32, 32)),
)
