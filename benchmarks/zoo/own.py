"""Networks that neither library has, seeded: a YOLO head, CRNN, U-Net, conformer, TCN, WaveNet, VAE, DCGAN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def conv(given: int, made: int, kernel: int = 3, stride: int = 1, act: Any = nn.SiLU) -> nn.Sequential:
    """Convolution, batch norm, activation."""
    return nn.Sequential(
        nn.Conv2d(given, made, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(made), act()
    )


class YoloHead(nn.Module):
    """Two scales; boxes as distributions over 16 bins, scores by sigmoid: float32[1, 4 + 8, 80]."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.ModuleList(
            [nn.Sequential(conv(3, 16, 3, 2), conv(16, 32, 3, 2), conv(32, 48, 3, 2)), conv(48, 64, 3, 2)]
        )
        self.boxes = nn.ModuleList(nn.Conv2d(width, 64, 1) for width in (48, 64))
        self.scores = nn.ModuleList(nn.Conv2d(width, 8, 1) for width in (48, 64))
        self.bins = nn.Conv2d(16, 1, 1, bias=False)
        self.bins.weight.data[:] = torch.arange(16.0).reshape(1, 16, 1, 1)
        at = [
            torch.stack(torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij")[::-1]).reshape(2, -1)
            + 0.5
            for n in (8, 4)
        ]
        self.centers: Tensor
        self.strides: Tensor
        self.register_buffer("centers", torch.cat(at, 1)[None])
        self.register_buffer("strides", torch.cat([torch.full((1, 64), 8.0), torch.full((1, 16), 16.0)], 1))

    def forward(self, x: Tensor) -> Tensor:
        first = self.body[0](x)
        maps = (first, self.body[1](first))
        boxes = torch.cat([made(each).flatten(2) for made, each in zip(self.boxes, maps, strict=True)], 2)
        scores = torch.cat([made(each).flatten(2) for made, each in zip(self.scores, maps, strict=True)], 2)
        sides = self.bins(boxes.view(1, 4, 16, -1).transpose(2, 1).softmax(1)).view(1, 4, -1)
        low, high = sides.chunk(2, 1)
        a, b = self.centers - low, self.centers + high
        return torch.cat([torch.cat([(a + b) / 2, b - a], 1) * self.strides, scores.sigmoid()], 1)


class Crnn(nn.Module):
    """Convolutions, then an LSTM in both directions along the picture: float32[1, 24, 40]."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(1, 16, act=nn.ReLU), nn.MaxPool2d(2), conv(16, 32, act=nn.ReLU), nn.MaxPool2d(2),
            conv(32, 48, act=nn.ReLU), nn.MaxPool2d((8, 1)),
        )  # fmt: skip
        self.read = nn.LSTM(48, 48, bidirectional=True, batch_first=True)
        self.decide = nn.Linear(96, 40)

    def forward(self, x: Tensor) -> Tensor:
        return self.decide(self.read(self.body(x).squeeze(2).transpose(1, 2))[0]).log_softmax(2)


class UNet(nn.Module):
    """Two levels down and up: float32[1, 4, 64, 64]."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            [conv(3, 16, act=nn.ReLU), conv(16, 32, act=nn.ReLU), conv(32, 64, act=nn.ReLU)]
        )
        self.wider = nn.ModuleList([nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)])
        self.up = nn.ModuleList([conv(64, 32, act=nn.ReLU), conv(32, 16, act=nn.ReLU)])
        self.last = nn.Conv2d(16, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.down[0](x)
        b = self.down[1](functional.max_pool2d(a, 2))
        c = self.down[2](functional.max_pool2d(b, 2))
        d = self.up[0](torch.cat([self.wider[0](c), b], 1))
        return self.last(self.up[1](torch.cat([self.wider[1](d), a], 1)))


class ConformerBlock(nn.Module):
    """Half a feed-forward, attention, convolution, half a feed-forward."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        half = [
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width)
            )
            for _ in "ab"
        ]
        self.halves = nn.ModuleList(half)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in "abc")
        self.attend = nn.MultiheadAttention(width, 4, batch_first=True)
        self.widen, self.mix = (
            nn.Conv1d(width, 2 * width, 1),
            nn.Conv1d(width, width, 15, padding=7, groups=width),
        )
        self.batch, self.narrow = nn.BatchNorm1d(width), nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.halves[0](x) / 2
        y = self.norms[0](x)
        x = x + self.attend(y, y, y, need_weights=False)[0]
        y = functional.glu(self.widen(self.norms[1](x).transpose(1, 2)), 1)
        x = x + self.narrow(functional.silu(self.batch(self.mix(y)))).transpose(1, 2)
        return self.norms[2](x + self.halves[1](x) / 2)


class Conformer(nn.Module):
    """Sound as 40 bands: float32[1, 16, 32]."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv1d(40, 64, 3, 2, 1), nn.ReLU(), nn.Conv1d(64, 64, 3, 2, 1), nn.ReLU()
        )
        self.blocks = nn.Sequential(ConformerBlock(), ConformerBlock())
        self.decide = nn.Linear(64, 32)

    def forward(self, x: Tensor) -> Tensor:
        return self.decide(self.blocks(self.first(x).transpose(1, 2)))


class Causal(nn.Module):
    """A convolution that sees the past alone."""

    def __init__(self, given: int, made: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.before = (kernel - 1) * dilation
        self.conv = nn.Conv1d(given, made, kernel, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.pad(x, (self.before, 0)))


class Tcn(nn.Module):
    """Causal convolutions with shortcuts: float32[1, 12]."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(40, 48, 1)
        self.layers = nn.ModuleList(Causal(48, 48, 3, 2**depth) for depth in range(4))
        self.decide = nn.Linear(48, 12)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for layer in self.layers:
            x = x + functional.relu(layer(x))
        return self.decide(x[:, :, -1])


class WaveNet(nn.Module):
    """Gated causal convolutions with skips: float32[1, 64, 512]."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Causal(1, 32, 2, 1)
        self.gates = nn.ModuleList(Causal(32, 64, 2, 2**depth) for depth in range(6))
        self.skips = nn.ModuleList(nn.Conv1d(32, 32, 1) for _ in range(6))
        self.rests = nn.ModuleList(nn.Conv1d(32, 32, 1) for _ in range(6))
        self.last = nn.Sequential(nn.ReLU(), nn.Conv1d(32, 64, 1), nn.ReLU(), nn.Conv1d(64, 64, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        total: Any = 0.0
        for gate, skip, rest in zip(self.gates, self.skips, self.rests, strict=True):
            a, b = gate(x).chunk(2, 1)
            y = torch.tanh(a) * torch.sigmoid(b)
            total, x = total + skip(y), x + rest(y)
        return self.last(total)


class Vae(nn.Module):
    """Encoder and decoder, at the mean: float32[1, 1, 32, 32]."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            conv(1, 16, 3, 2, nn.ELU), conv(16, 32, 3, 2, nn.ELU), nn.Flatten(), nn.Linear(2048, 32)
        )
        self.decode = nn.Sequential(
            nn.Linear(16, 2048), nn.Unflatten(1, (32, 8, 8)), nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ELU(),
            nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x).chunk(2, 1)[0])


def dcgan() -> nn.Module:
    return nn.Sequential(
        nn.ConvTranspose2d(64, 64, 4, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def _smooth(*shape: int) -> Callable[[], Tensor]:
    """Blurred noise, as pictures and sound are."""
    blur = functional.avg_pool2d if len(shape) == 4 else functional.avg_pool1d
    return lambda: blur(torch.randn(shape), 3, 1, 1) * 2


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[Callable[[], Tensor], ...]]] = {
    "yolo_head": (YoloHead, (_smooth(1, 3, 64, 64),)),
    "crnn": (Crnn, (_smooth(1, 1, 32, 96),)),
    "unet": (UNet, (_smooth(1, 3, 64, 64),)),
    "conformer": (Conformer, (_smooth(1, 40, 64),)),
    "tcn": (Tcn, (_smooth(1, 40, 64),)),
    "wavenet": (WaveNet, (_smooth(1, 1, 512),)),
    "vae": (Vae, (_smooth(1, 1, 32, 32),)),
    "dcgan": (dcgan, (lambda: torch.randn(1, 64, 1, 1),)),
}
"""Name -> what makes it, and one maker for each input."""
