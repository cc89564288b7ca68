"""The network that writes down strings of spoken digits, and the sound that it listens to."""

from __future__ import annotations

from typing import cast

import torch
from speakers import RATE
from torch import nn
from torch.nn import functional as F

from edgemm.card import AudioRecipe
from edgemm.data import WORDS

RECIPE = AudioRecipe(
    sample_rate=RATE, window=200, hop=160, n_fft=256, n_mels=24, fmin=100.0, fmax=3800.0,
    log_offset=1e-6, frames=4, stride=640, mean=(-7.0,), std=(4.5,),
)  # fmt: skip
"""Four frames of 20 ms in a call; calls follow each other without overlap."""
BLANK, MARK = 0, 1
LABELS = ("<blank>", "▁", *WORDS)
"""Blank, the mark that begins a word, and the words."""
LAG = 6
"""Frames by which the network's answers lag behind the sound: it must hear that a word has ended."""
DELAY_S = LAG * RECIPE.hop / RATE
WIDTH = 64
DILATIONS = (1, 2, 4, 8, 16)


class DigitStrings(nn.Module):  # type: ignore[misc]
    """Causal convolutions over time: float32[n, frames, bands] -> scores [n, frames, labels]. 67,000 weights.

    A frame's scores depend on the 65 frames (1.3 s) that end with it, and on none to come.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = _convolution(RECIPE.n_mels, 1)
        self.more = nn.ModuleList(_convolution(WIDTH, dilation) for dilation in DILATIONS)
        self.dropout = nn.Dropout(0.1)
        self.decide = nn.Conv1d(WIDTH, len(LABELS), 1)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Scores of every frame."""
        x = _causal(self.first, frames.transpose(1, 2))
        for layer in self.more:
            x = x + _causal(layer, x)
        return cast(torch.Tensor, self.decide(self.dropout(x)).transpose(1, 2))


def _convolution(inputs: int, dilation: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(inputs, WIDTH, 3, dilation=dilation, bias=False), nn.BatchNorm1d(WIDTH), nn.ReLU()
    )


def _causal(layer: nn.Sequential, x: torch.Tensor) -> torch.Tensor:
    """Zeros stand before the first frame, and nothing behind the last."""
    return cast(torch.Tensor, layer(F.pad(x, (2 * layer[0].dilation[0], 0))))
