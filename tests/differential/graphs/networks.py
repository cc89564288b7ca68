"""Small torch networks, exported by both exporters and as modules."""

from __future__ import annotations

import contextlib
import inspect
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.differential.graphs.builder import Draw, normal, whole


class Decoder(nn.Module):
    """Upsample between convolutions."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        more: dict[str, Any] = {"align_corners": False} if mode == "bilinear" else {}
        self.layers = nn.Sequential(
            nn.Conv2d(3, 6, 3, 1, 1), nn.ReLU(), nn.Upsample(scale_factor=2, mode=mode, **more),
            nn.Conv2d(6, 4, 3, 1, 1), nn.SiLU(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return functional.interpolate(y, size=(20, 24), mode="bilinear", align_corners=True)


class Recurrent(nn.Module):
    """A recurrent layer, batch first, and a dense one on its last step."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.layer = getattr(nn, kind)(6, 8, num_layers=2, batch_first=True, bidirectional=kind == "GRU")
        self.last = nn.Linear(16 if kind == "GRU" else 8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.layer(x)[0][:, -1])


class Words(nn.Module):
    """Tokens, an embedding, an LSTM, probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = nn.Embedding(40, 8), nn.LSTM(8, 12, batch_first=True)
        self.last = nn.Linear(12, 4)

    def forward(self, ids: Tensor) -> Tensor:
        return torch.softmax(self.last(self.layer(self.table(ids))[0].mean(1)), -1)


class Causal(nn.Module):
    """torch's own attention, told that it is causal."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.last = nn.Linear(16, 48), nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        q, k, v = (p.reshape(n, length, 4, 4).transpose(1, 2) for p in self.inside(x).chunk(3, -1))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return x + self.last(mixed.transpose(1, 2).reshape(n, length, width))


class Padded(nn.Module):
    """A transformer encoder layer whose padding is an input."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, dropout=0.0)

    def forward(self, x: Tensor, gone: Tensor) -> Tensor:
        return self.layer(x, src_key_padding_mask=gone)


def classifier() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish(), nn.Conv2d(8, 8, 3, 1, 1, groups=8),
        nn.GroupNorm(2, 8), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 6), nn.Softmax(-1),
    )  # fmt: skip


def generator() -> nn.Module:
    return nn.Sequential(
        nn.ConvTranspose2d(12, 16, 4, 1, 0, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def shuffled() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 12, 3, 1, 1), nn.PReLU(), nn.PixelShuffle(2), nn.Conv2d(3, 4, 3, 1, 1), nn.GELU(),
        nn.InstanceNorm2d(4, affine=True), nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False),
    )  # fmt: skip


NETWORKS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "torch_classifier": (classifier, (1, 3, 12, 16)),
    "torch_generator": (generator, (1, 12, 1, 1)),
    "torch_shuffled": (shuffled, (1, 3, 9, 7)),
    "torch_nearest": (lambda: Decoder("nearest"), (1, 3, 5, 7)),
    "torch_bilinear": (lambda: Decoder("bilinear"), (1, 3, 5, 7)),
    "torch_lstm": (lambda: Recurrent("LSTM"), (1, 7, 6)),
    "torch_gru": (lambda: Recurrent("GRU"), (1, 7, 6)),
    "torch_words": (Words, (1, 6)),
    "torch_causal": (Causal, (1, 6, 16)),
    "torch_padded": (Padded, (1, 6, 16)),
}
"""Family -> how the network is made, and the shape of its first input."""


def make(family: str, seed: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A seeded network in evaluation mode, batch norms with statistics as after training, and example inputs."""
    torch.manual_seed(seed)
    build, shape = NETWORKS[family]
    module = build().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 1.5)
    if family == "torch_words":
        return module, (torch.zeros(shape, dtype=torch.int64),)
    if family == "torch_padded":
        return module, (torch.zeros(shape), torch.zeros(shape[:2], dtype=torch.bool))
    return module, (torch.zeros(shape),)


def names(module: nn.Module) -> list[str]:
    """What forward() calls its arguments, and so what the inputs are called."""
    return list(inspect.signature(module.forward).parameters)


def export(module: nn.Module, examples: tuple[Tensor, ...], path: str, exporter: str) -> None:
    """Writes the ONNX file of the older ("torchscript") or newer ("dynamo") exporter."""
    how: dict[str, Any] = {"external_data": False, "verbose": False, "opset_version": 18}
    if exporter == "torchscript":
        how = {"opset_version": 17}
    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, examples, path, dynamo=exporter == "dynamo", input_names=names(module), **how
        )


def draw(example: Tensor) -> Draw:
    """How the samples of an input like this one are drawn."""
    shape = tuple(example.shape)
    if example.dtype == torch.int64:
        return whole(*shape, high=40)
    if example.dtype == torch.bool:
        return lambda random: np.arange(shape[1])[None] >= random.integers(2, shape[1] + 1)
    return normal(*shape)


def run(module: nn.Module, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """What the module gives."""
    with torch.no_grad():
        found = module(*(torch.from_numpy(array) for array in arrays))
    return tuple(each.numpy() for each in (found if isinstance(found, tuple) else (found,)))
