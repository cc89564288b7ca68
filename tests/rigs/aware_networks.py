"""Small networks of the four families, with seeded weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class Function(nn.Module):  # type: ignore[misc]
    """Layers, and what is computed with them."""

    def __init__(self, compute: Callable[..., Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.compute = compute
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.compute(self, *inputs)


def conv() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=(0, 1)), nn.ReLU6()
    )


def depthwise() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU6(), nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.BatchNorm2d(8), nn.ReLU6(),
        nn.Conv2d(8, 4, 1), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 6), nn.Softmax(-1),
    )  # fmt: skip


def residual() -> nn.Module:
    def compute(net: nn.Module, x: Tensor) -> Tensor:
        x = torch.relu(net.one(x))
        return torch.relu(x + net.three(torch.relu(net.two(x)))) * 0.5 - net.four(x)

    parts = {name: nn.Conv2d(8, 8, 3, padding=1) for name in ("two", "three", "four")}
    return Function(compute, one=nn.Conv2d(3, 8, 1), **parts)


def pools() -> nn.Module:
    def compute(net: nn.Module, x: Tensor) -> Tensor:
        x = net.one(x)
        parts = [
            functional.max_pool2d(x, 3, 2, 1),
            functional.avg_pool2d(x, 2),
            functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        ]
        x = torch.cat([*parts, torch.sigmoid(parts[0]), torch.tanh(parts[1])], 1)
        return net.two(functional.pad(x, (1, 0, 0, 1))).amax((2, 3))

    return Function(compute, one=nn.Conv2d(3, 4, 3, 1, 1), two=nn.Conv2d(20, 5, 2))


def linear() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(48, 32), nn.LeakyReLU(0.2), nn.Linear(32, 16), nn.PReLU(16), nn.Linear(16, 5),
        nn.LogSoftmax(-1),
    )  # fmt: skip


def resized() -> nn.Module:
    def compute(net: nn.Module, x: Tensor) -> Tensor:
        low = functional.interpolate(net.one(x), scale_factor=2.0, mode="nearest")
        high = functional.interpolate(net.two(x), size=(32, 32), mode="bilinear", align_corners=False)
        left, right = (low + high).split(2, dim=1)
        return functional.pixel_shuffle(torch.cat([left, right], 1)[:, :, 1:-1], 2)

    return Function(compute, one=nn.Conv2d(3, 4, 1), two=nn.Conv2d(3, 4, 3, 1, 1))


def generator() -> nn.Module:
    return nn.Sequential(
        nn.Linear(8, 64), nn.ReLU(), nn.Unflatten(1, (4, 4, 4)), nn.ConvTranspose2d(4, 6, 4, 2, 1),
        nn.BatchNorm2d(6), nn.ReLU(), nn.ConvTranspose2d(6, 1, 3, 2, 1, output_padding=1), nn.Tanh(),
    )  # fmt: skip


def causal() -> nn.Module:
    def compute(net: nn.Module, x: Tensor) -> Tensor:
        x = torch.relu(net.one(functional.pad(x, (2, 0))))
        return net.two(functional.pad(x, (4, 0)))

    return Function(compute, one=nn.Conv1d(3, 8, 3), two=nn.Conv1d(8, 4, 3, dilation=2))


def recurrent(kind: type[nn.RNNBase], **options: bool) -> nn.Module:
    def compute(net: nn.Module, x: Tensor) -> Tensor:
        states, _ = net.layer(x)
        return net.decide(states[:, -1])

    width = 12 * (2 if options.get("bidirectional") else 1)
    return Function(compute, layer=kind(6, 12, batch_first=True, **options), decide=nn.Linear(width, 4))


def attention() -> nn.Module:
    def compute(net: nn.Module, x: Tensor) -> Tensor:
        q, k, v = net.project(net.before(x)).reshape(1, 6, 3, 2, 8).permute(2, 0, 3, 1, 4)
        scores = torch.softmax(q @ k.transpose(-1, -2) / 8**0.5, -1)
        x = x + net.out((scores @ v).transpose(1, 2).reshape(1, 6, 16))
        return net.last(x + net.down(functional.gelu(net.up(net.after(x)))))

    return Function(
        compute, before=nn.LayerNorm(16), project=nn.Linear(16, 48), out=nn.Linear(16, 16), after=nn.LayerNorm(16),
        up=nn.Linear(16, 32), down=nn.Linear(32, 16), last=nn.Linear(16, 4),
    )  # fmt: skip


PICTURE, SEQUENCE = (1, 3, 16, 16), (1, 6, 6)
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "conv": (conv, PICTURE),
    "depthwise": (depthwise, PICTURE),
    "residual": (residual, PICTURE),
    "pools": (pools, PICTURE),
    "linear": (linear, (1, 3, 4, 4)),
    "resized": (resized, PICTURE),
    "generator": (generator, (1, 8)),
    "causal": (causal, (1, 3, 20)),
    "lstm": (lambda: recurrent(nn.LSTM, bidirectional=True), SEQUENCE),
    "gru": (lambda: recurrent(nn.GRU), SEQUENCE),
    "rnn": (lambda: recurrent(nn.RNN), SEQUENCE),
    "attention": (attention, (1, 6, 16)),
}
"""Name -> what makes it, and the shape of its input."""


def network(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    """Seeded, its batch norms with statistics that are not 0 and 1."""
    torch.manual_seed(7)
    make, shape = NETWORKS[name]
    module = make()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.5, 0.5)
            part.running_var.uniform_(0.3, 2.0)
    return module.eval(), shape
