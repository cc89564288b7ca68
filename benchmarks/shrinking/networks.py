"""The networks that are pruned."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, given: int, made: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(given, made, 3, stride, 1, bias=False), nn.BatchNorm2d(made)
        self.conv2, self.norm2 = nn.Conv2d(made, made, 3, 1, 1, bias=False), nn.BatchNorm2d(made)
        self.around = nn.Conv2d(given, made, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Any) -> Any:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.around(x))


class ResNet8(nn.Module):
    """The picture classifier of MLPerf Tiny, 12.5 million MACs: float32[n, 3, 32, 32] -> ten scores."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2))
        self.decide = nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        return self.decide(self.blocks(F.relu(self.norm(self.conv(x)))).mean((2, 3)))


def digits() -> Any:
    """float32[n, 1, 28, 28] -> ten scores."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


class Recurrent(nn.Module):
    """Digits read line by line: float32[n, 28, 28] -> ten scores."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.layer = kind(28, 128, 2, batch_first=True)
        self.decide = nn.Linear(128, 10)

    def forward(self, x: Any) -> Any:
        return self.decide(self.layer(x)[0][:, -1])


class Transformer(nn.Module):
    """The same with attention over the lines."""

    def __init__(self) -> None:
        super().__init__()
        self.given = nn.Linear(28, 64)
        self.places = nn.Parameter(torch.randn(28, 64) * 0.1)
        layer = nn.TransformerEncoderLayer(64, 8, 256, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.decide = nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        return self.decide(self.layers(self.given(x) + self.places).mean(1))


class Keywords(nn.Module):
    """Spoken words: float32[n, 1, 50, 24] (time, mel bands) -> ten scores; 3.4 million MACs.

    The bands are narrowed to one, and the maximum over time finds the word wherever it is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_heard(1, 16), nn.MaxPool2d(2), *_heard(16, 24), nn.MaxPool2d((1, 2)), *_heard(24, 32), nn.MaxPool2d(2),
            *_heard(32, 56), *_heard(56, 56, (5, 3), (2, 0)), nn.MaxPool2d((12, 1)), nn.Flatten(), nn.Dropout(0.3),
        )  # fmt: skip
        self.decide = nn.Linear(56, 10)

    def forward(self, x: Any) -> Any:
        return self.decide(self.layers(x))


def _heard(given: int, made: int, kernel: Any = 3, padding: Any = 1) -> list[nn.Module]:
    return [nn.Conv2d(given, made, kernel, padding=padding, bias=False), nn.BatchNorm2d(made), nn.ReLU()]


def generator() -> Any:
    """DCGAN: float32[n, 100, 1, 1] noise -> [n, 1, 28, 28] in -1..1; 7.3 million MACs."""
    return nn.Sequential(
        nn.ConvTranspose2d(100, 128, 7, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip


def discriminator() -> Any:
    """float32[n, 1, 28, 28] -> [n, 1, 1, 1] scores, the higher the more real."""
    return nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2), nn.Conv2d(64, 128, 4, 2, 1, bias=False),
        nn.BatchNorm2d(128), nn.LeakyReLU(0.2), nn.Conv2d(128, 1, 7, bias=False),
    )  # fmt: skip


def make(name: str) -> tuple[Any, tuple[Any, ...]]:
    """A network with new weights, and an input of one sample."""
    if name in _MADE:
        build, shape = _MADE[name]
        return build(), (torch.rand(shape),)
    made = Transformer() if name == "transformer" else Recurrent(nn.LSTM if name == "lstm" else nn.GRU)
    return made, (torch.rand(1, 28, 28),)


_MADE: dict[str, tuple[Any, tuple[int, ...]]] = {
    "resnet8": (ResNet8, (1, 3, 32, 32)),
    "digits": (digits, (1, 1, 28, 28)),
    "keywords": (Keywords, (1, 1, 50, 24)),
    "generator": (generator, (1, 100, 1, 1)),
}
"""Name -> what makes it, and the shape of one input."""
