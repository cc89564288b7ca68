"""Fourteen architectures with seeded weights: those that timm has, else modules of our own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.zoo.own import ConformerBlock, conv
from benchmarks.zoo.stand_ins import without_torchvision


class Network(NamedTuple):
    """One architecture."""

    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    """Of its one input."""


def seeded(network: Network) -> nn.Module:
    """The module in evaluation mode, with the statistics, factors and addends of a trained one: none is 0 or 1."""
    torch.manual_seed(0)
    module = network.build().eval()
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
                assert part.running_mean is not None
                assert part.running_var is not None
                part.running_mean.normal_(0, 0.2)
                part.running_var.uniform_(0.5, 1.5)
            for name, weight in part.named_parameters(recurse=False):
                if name == "gamma" or (name == "weight" and weight.ndim == 1):
                    weight.uniform_(0.5, 1.5)
                elif not weight.any():
                    weight.normal_(0, 0.05)
    return module


def inputs(network: Network, count: int) -> list[Tensor]:
    """Smooth seeded inputs: blurred noise, as pictures and sound are; plain noise where there is nothing to blur."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn((count, *network.shape[1:]), generator=generator)
    if noise.ndim == 4 and noise.shape[-1] > 4:
        noise = functional.avg_pool2d(noise, 3, 1, 1) * 2
    return [noise[at : at + 1] for at in range(count)]


def timm(name: str) -> nn.Module:
    """As timm has it, with its own sizes."""
    without_torchvision()
    import timm as library

    made: nn.Module = library.create_model(name, pretrained=False)
    return made


def repvgg() -> nn.Module:
    """As it is deployed: each block is one convolution."""
    without_torchvision()
    from timm.utils.model import reparameterize_model

    made: nn.Module = reparameterize_model(timm("repvgg_a0").eval())
    return made


class Residual(nn.Module):
    """Of MLPerf Tiny's ResNet8."""

    def __init__(self, given: int, made: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(given, made, 3, stride, nn.ReLU), nn.Conv2d(made, made, 3, 1, 1), nn.BatchNorm2d(made)
        )
        self.skip = nn.Conv2d(given, made, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.skip(x) + self.body(x))


def resnet8() -> nn.Module:
    """Of MLPerf Tiny: float32[1, 3, 32, 32] -> float32[1, 10]."""
    return nn.Sequential(
        conv(3, 16, act=nn.ReLU), Residual(16, 16, 1), Residual(16, 32, 2), Residual(32, 64, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


class UNet(nn.Module):
    """Four levels, two convolutions each: float32[1, 3, 128, 128] -> float32[1, 2, 128, 128]."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 128)) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(self._twice(i, o) for i, o in ((3, widths[0]), *pairs))
        self.wider = nn.ModuleList(nn.ConvTranspose2d(o, i, 2, 2) for i, o in pairs)
        self.up = nn.ModuleList(self._twice(2 * i, i) for i, _ in pairs)
        self.last = nn.Conv2d(widths[0], 2, 1)

    @staticmethod
    def _twice(given: int, made: int) -> nn.Module:
        return nn.Sequential(conv(given, made, act=nn.ReLU), conv(made, made, act=nn.ReLU))

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for level, down in enumerate(self.down):
            x = down(functional.max_pool2d(x, 2) if level else x)
            kept.append(x)
        for wider, up, beside in zip(
            reversed(self.wider), reversed(self.up), reversed(kept[:-1]), strict=True
        ):
            x = up(torch.cat([wider(x), beside], 1))
        return self.last(x)


def generator(width: int = 32) -> nn.Module:
    """Of DCGAN (Radford et al. 2015): float32[1, 100, 1, 1] -> float32[1, 3, 64, 64]."""

    def wider(given: int, made: int, stride: int, padding: int) -> list[nn.Module]:
        return [
            nn.ConvTranspose2d(given, made, 4, stride, padding, bias=False), nn.BatchNorm2d(made), nn.ReLU(),
        ]  # fmt: skip

    return nn.Sequential(
        *wider(100, 8 * width, 1, 0), *wider(8 * width, 4 * width, 2, 1), *wider(4 * width, 2 * width, 2, 1),
        *wider(2 * width, width, 2, 1), nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip


PICTURE = (1, 3, 224, 224)
NETWORKS: dict[str, Network] = {
    "resnet8": Network(resnet8, (1, 3, 32, 32)),
    "dcgan": Network(generator, (1, 100, 1, 1)),
    "conformer": Network(partial(ConformerBlock, 144), (1, 100, 144)),
    "unet": Network(UNet, (1, 3, 128, 128)),
    "mobilenetv3_small": Network(partial(timm, "mobilenetv3_small_100"), PICTURE),
    "mobilenetv2": Network(partial(timm, "mobilenetv2_100"), PICTURE),
    "convnext_atto": Network(partial(timm, "convnext_atto"), PICTURE),
    "vit_tiny": Network(partial(timm, "vit_tiny_patch16_224"), PICTURE),
    "ghostnet": Network(partial(timm, "ghostnet_100"), PICTURE),
    "regnet": Network(partial(timm, "regnetx_002"), PICTURE),
    "resnet18": Network(partial(timm, "resnet18"), PICTURE),
    "repvgg": Network(repvgg, PICTURE),
    "efficientnet_lite0": Network(partial(timm, "efficientnet_lite0"), PICTURE),
    "swin_tiny": Network(partial(timm, "swin_tiny_patch4_window7_224"), PICTURE),
}
"""Those that the peers take longest for come last."""


def find(name: str) -> Network:
    """The network of that name."""
    return NETWORKS[name]


def example(name: str) -> tuple[Any, list[Tensor]]:
    """The module, and one input in a list."""
    network = find(name)
    return seeded(network), inputs(network, 1)
