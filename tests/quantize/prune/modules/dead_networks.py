"""Networks of seeded architecture in which half of every width is dead: its weights, biases and norms are zero.

Whoever builds them knows what is dead, and needs no tracing for it: what pruning says must agree with that.
"""

from __future__ import annotations

import random
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

PERIOD = 8
"""Dead channels repeat with this period, so that groups of convolutions have theirs at the same places."""


def pattern(rng: random.Random, channels: int) -> torch.Tensor:
    """True for the half of the channels that is alive."""
    alive = torch.zeros(PERIOD, dtype=torch.bool)
    alive[rng.sample(range(PERIOD), PERIOD // 2)] = True
    return alive.repeat(channels // PERIOD)


def kill(layer: nn.Module, alive: torch.Tensor, *, transposed: bool = False) -> Any:
    """Zeroes the rows of a layer."""
    with torch.no_grad():
        dim = 1 if transposed else 0
        layer.weight.index_fill_(dim, (~alive).nonzero()[:, 0], 0.0)
        if layer.bias is not None:
            layer.bias[~alive] = 0.0
    return layer


def lively_norm(norm: Any, alive: torch.Tensor) -> Any:
    """A norm with numbers of its own, and a zero shift where the channel is dead."""
    with torch.no_grad():
        for name, tensor in (*norm.named_parameters(), *norm.named_buffers()):
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5)
                if name in ("running_mean", "bias"):
                    tensor[~alive] = 0.0
    return norm


class Fork(nn.Module):
    """x and f(x), joined."""

    def __init__(self, inside: nn.Module, how: str) -> None:
        super().__init__()
        self.inside, self.how = inside, how

    def forward(self, x: Any) -> Any:
        y = self.inside(x)
        if self.how == "cat":
            return torch.cat((x, y), 1)
        return x * y if self.how == "mul" else x + y


class Shuffle(nn.Module):
    """Channels of two groups take turns."""

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class UNet(nn.Module):
    """Down, up, and the skip beside it."""

    def __init__(self, down: nn.Module, up: nn.Module) -> None:
        super().__init__()
        self.down, self.up = down, up

    def forward(self, x: Any) -> Any:
        return torch.cat((self.up(F.relu(self.down(x))), x), 1)


class Builder:
    """Adds blocks, each with the pattern of what is alive behind it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        torch.manual_seed(seed)
        self.blocks: list[nn.Module] = []
        self.channels, self.alive = 3, torch.ones(3, dtype=torch.bool)

    def conv(self, out: int, alive: torch.Tensor, given: int = 0, **options: Any) -> list[nn.Module]:
        layer = kill(
            nn.Conv2d(given or self.channels, out, 3, padding=1, bias=self.rng.random() < 0.5, **options),
            alive,
        )
        norm = self.rng.choice(("batch", "instance", "none"))
        if norm == "batch":
            return [layer, lively_norm(nn.BatchNorm2d(out), alive)]
        return (
            [layer, lively_norm(nn.InstanceNorm2d(out, affine=True), alive)]
            if norm == "instance"
            else [layer]
        )

    def plain(self, out: int = 0) -> None:
        out = out or self.rng.choice((16, 24, 32))
        alive = pattern(self.rng, out)
        act = self.rng.choice((nn.ReLU(), nn.GELU(), nn.PReLU(out), nn.Tanh()))
        self.blocks += [*self.conv(out, alive), act]
        self.channels, self.alive = out, alive

    def residual(self) -> None:
        inner = self.rng.choice((16, 32))
        alive = pattern(self.rng, inner)
        inside = nn.Sequential(
            *self.conv(inner, alive), nn.ReLU(), *self.conv(self.channels, self.alive, inner)
        )
        self.blocks += [Fork(inside, "add"), nn.ReLU()]

    def dense(self) -> None:
        alive = pattern(self.rng, 16)
        self.blocks.append(Fork(nn.Sequential(*self.conv(16, alive), nn.ReLU()), "cat"))
        self.channels, self.alive = self.channels + 16, torch.cat((self.alive, alive))
        self.blocks.append(lively_norm(nn.BatchNorm2d(self.channels), self.alive))

    def depthwise(self) -> None:
        self.blocks += [*self.conv(self.channels, self.alive, groups=self.channels), nn.ReLU()]

    def grouped(self) -> None:
        self.plain(32)  # its dead channels stand at the same places in both groups
        alive = pattern(self.rng, 32)
        self.blocks += [*self.conv(32, alive, groups=2), nn.ReLU()]
        self.channels, self.alive = 32, alive

    def excite(self) -> None:
        alive = pattern(self.rng, 8)
        self.blocks.append(Fork(nn.Sequential(
            nn.AdaptiveAvgPool2d(1), kill(nn.Conv2d(self.channels, 8, 1), alive), nn.ReLU(),
            nn.Conv2d(8, self.channels, 1), nn.Sigmoid()), "mul"))  # fmt: skip

    def glu(self) -> None:
        alive = pattern(self.rng, 16)
        self.blocks += [kill(nn.Conv2d(self.channels, 32, 1), alive.repeat(2)), nn.GLU(1)]
        self.channels, self.alive = 16, alive

    def pixels(self) -> None:
        alive = pattern(self.rng, 16)
        self.blocks += [
            kill(nn.Conv2d(self.channels, 64, 1), alive.repeat_interleave(4)), nn.PixelShuffle(2), nn.MaxPool2d(2),
        ]  # fmt: skip
        self.channels, self.alive = 16, alive

    def shuffle(self) -> None:
        self.plain(32)
        self.blocks.append(Shuffle())
        self.alive = self.alive.reshape(2, -1).t().reshape(-1)
        self.plain()

    def unet(self) -> None:
        down, up = pattern(self.rng, 16), pattern(self.rng, 24)
        self.blocks.append(UNet(
            kill(nn.Conv2d(self.channels, 16, 2, 2), down),
            kill(nn.ConvTranspose2d(16, 24, 2, 2), up, transposed=True)))  # fmt: skip
        self.channels, self.alive = self.channels + 24, torch.cat((up, self.alive))

    def group_norm(self) -> None:
        alive = pattern(self.rng, 8).repeat_interleave(4)
        norm = lively_norm(nn.GroupNorm(8, 32), alive)
        self.blocks += [kill(nn.Conv2d(self.channels, 32, 3, padding=1), alive), norm, nn.ReLU()]
        self.channels, self.alive = 32, alive

    def end(self) -> nn.Module:
        if self.rng.random() < 0.5:
            head: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(self.channels, 5)]
        else:
            hidden = pattern(self.rng, 16)
            head = [nn.AvgPool2d(2), nn.Flatten(), kill(nn.Linear(self.channels * 16, 16), hidden), nn.ReLU(),
                    nn.Linear(16, 5)]  # fmt: skip
        return nn.Sequential(*self.blocks, *head).eval()


BLOCKS = (
    "plain", "residual", "dense", "depthwise", "grouped", "excite", "glu", "pixels", "shuffle", "unet", "group_norm",
)  # fmt: skip


def convolutional(seed: int, *blocks: str) -> tuple[nn.Module, tuple[Any, ...]]:
    """A network of the blocks named, or of four by chance, and its inputs."""
    builder = Builder(seed)
    builder.plain()
    for block in blocks or builder.rng.choices(BLOCKS, k=4):
        getattr(builder, block)()
    return builder.end(), (torch.randn(2, 3, 8, 8),)


class Sequence(nn.Module):
    """Words, a recurrent stack, an answer from its output or its last states."""

    def __init__(self, rnn: Any, width: int, states: int, use: str) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 16)
        self.rnn, self.use = rnn, use
        self.head = nn.Linear(states if use == "states" else width, 5)

    def forward(self, x: Any) -> Any:
        words = self.words(x)
        y, states = self.rnn(words if self.rnn.batch_first else words.transpose(0, 1))
        if self.use == "states":
            last = states[0] if isinstance(states, tuple) else states
            return self.head(last.transpose(0, 1).flatten(1))
        return self.head(y if self.rnn.batch_first else y.transpose(0, 1))


def recurrent(seed: int) -> tuple[nn.Module, tuple[Any, ...]]:
    """An LSTM, GRU or RNN with one to three layers, one or two directions, with or without projections and biases."""
    rng = random.Random(seed)
    torch.manual_seed(seed)
    kind: Any = rng.choice((nn.LSTM, nn.GRU, nn.RNN))
    layers, directions, units = rng.choice((1, 2, 3)), rng.choice((1, 2)), rng.choice((16, 24))
    projection = 8 if kind is nn.LSTM and rng.random() < 0.4 else 0
    options = {"proj_size": projection} if projection else {}
    rnn = kind(16, units, layers, bidirectional=directions == 2, batch_first=rng.random() < 0.5,
               bias=rng.random() < 0.8, **options)  # fmt: skip
    for name, tensor in rnn.named_parameters():
        with torch.no_grad():
            if "hr" in name:
                continue
            gates = tensor.shape[0] // units
            place = random.Random(f"{seed}{name.partition('_l')[2]}")
            tensor[~pattern(place, units).repeat(gates)] = 0.0
            if "bias" not in name:
                tensor[pattern(place, units).repeat(gates)] += 0.0
    if projection:
        _kill_projections(rnn, seed)
    width = (projection or units) * directions
    net = Sequence(rnn, width, width * layers, rng.choice(("output", "states")))
    with torch.no_grad():
        net.words.weight[:, ~pattern(rng, 16)] = 0.0
    return net.eval(), (torch.randint(0, 20, (2, 5)),)


def _kill_projections(rnn: Any, seed: int) -> None:
    for name, tensor in rnn.named_parameters():
        if "weight_hr" in name:
            with torch.no_grad():
                tensor[~pattern(random.Random(f"p{seed}{name}"), tensor.shape[0])] = 0.0


class Translator(nn.Module):
    """An encoder, a decoder that looks at it, and an answer."""

    def __init__(self, heads: int, hidden: int, batch_first: bool, decoder: bool, norm_first: bool) -> None:
        super().__init__()
        options: Any = {"batch_first": batch_first, "dropout": 0.0, "norm_first": norm_first}
        self.given = nn.Linear(6, 32)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(32, heads, hidden, **options), 2, enable_nested_tensor=False
        )
        self.decoder = nn.TransformerDecoderLayer(32, heads, hidden, **options) if decoder else None
        self.head = nn.Linear(32, 5)

    def forward(self, x: Any) -> Any:
        x = self.given(x)
        y = self.encoder(x)
        return self.head(y if self.decoder is None else self.decoder(x, y))


def transformer(seed: int) -> tuple[nn.Module, tuple[Any, ...]]:
    """torch's own Transformer layers, half of their heads and of their hidden channels dead."""
    rng = random.Random(seed)
    torch.manual_seed(seed)
    heads = rng.choice((4, 8))
    net = Translator(heads, 32, rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.5)
    for part in net.modules():
        if isinstance(part, nn.MultiheadAttention):
            alive = torch.zeros(heads, dtype=torch.bool)
            alive[rng.sample(range(heads), heads // 2)] = True
            channels = alive.repeat_interleave(32 // heads).repeat(3)
            with torch.no_grad():
                part.in_proj_bias.uniform_(-1, 1)
                part.in_proj_weight[~channels] = 0.0
                part.in_proj_bias[~channels] = 0.0
        if isinstance(part, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
            kill(part.linear1, pattern(rng, 32))
    return net.eval(), (torch.randn(3, 5, 6),)
