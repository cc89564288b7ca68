"""The two networks that read a page: one finds lines, one writes down what stands in a line. Both look at grey."""

from __future__ import annotations

import torch
from drawn_text import CHARACTERS
from torch import nn

CLASSES = 1 + len(CHARACTERS)
"""The blank is the first."""


def _convolution(inputs: int, outputs: int, side: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def _apart(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Along the picture in each channel, then across the channels (MobileNet, Howard et al. 2017)."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False), nn.BatchNorm2d(inputs), nn.ReLU(),
        nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
    )  # fmt: skip


class LineFinder(nn.Module):  # type: ignore[misc]
    """float32[n, 1, h, w] in -1..1 -> logits float32[n, 1, h / 2, w / 2] that a pixel lies within a line. The sides are
    multiples of 32. What is seen finely and what is seen from afar is added up, as in a feature pyramid."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = nn.Sequential(_convolution(1, 12, stride=2), _convolution(12, 24, stride=2))
        self.quarter = _apart(24, 24)
        self.eighth = nn.Sequential(_apart(24, 40, 2), _apart(40, 40))
        self.sixteenth = nn.Sequential(_apart(40, 64, 2), _apart(64, 64), _apart(64, 64))
        self.from_afar = nn.Sequential(
            _apart(64, 64, 2), _apart(64, 64), _apart(64, 64), nn.Conv2d(64, 64, 1)
        )
        self.of_sixteenth, self.of_eighth = nn.Conv2d(64, 40, 1), nn.Conv2d(40, 24, 1)
        self.larger = nn.Upsample(scale_factor=2, mode="nearest")
        self.mixed, self.mixed_last = _apart(40, 40), _convolution(24, 24)
        self.end = nn.Sequential(_convolution(24, 16), nn.Conv2d(16, 4, 1), nn.PixelShuffle(2))

    def forward(self, pages: torch.Tensor) -> torch.Tensor:
        """See the class."""
        fine = self.quarter(self.begin(pages))
        eighth = self.eighth(fine)
        sixteenth = self.sixteenth(eighth)
        seen = sixteenth + self.larger(self.from_afar(sixteenth))
        seen = self.mixed(eighth + self.larger(self.of_sixteenth(seen)))
        seen = self.mixed_last(fine + self.larger(self.of_eighth(seen)))
        return self.end(seen)


class Probabilities(nn.Module):  # type: ignore[misc]
    """What is written of a `LineFinder`: 0..1."""

    def __init__(self, finder: LineFinder) -> None:
        super().__init__()
        self.finder = finder

    def forward(self, pages: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return torch.sigmoid(self.finder(pages))


class _Along(nn.Module):  # type: ignore[misc]
    """Looks seven steps along a line, and adds what it saw."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv2d(channels, channels, (1, 7), padding=(0, 3), groups=channels, bias=False),
            nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, line: torch.Tensor) -> torch.Tensor:
        """float32[n, channels, 1, steps], the same again."""
        return torch.relu(line + self.look(line))


class LineReader(nn.Module):  # type: ignore[misc]
    """float32[n, 1, 32, w] in -1..1 -> logits float32[n, w / 4, CLASSES]: a character or the blank at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(
            _convolution(1, 16, 5, stride=2),
            _convolution(16, 28), nn.MaxPool2d(2),
            _convolution(28, 48), _convolution(48, 48), nn.MaxPool2d((2, 1)),
            _convolution(48, 72), nn.MaxPool2d((2, 1)),
            nn.Conv2d(72, 128, (2, 3), padding=(0, 1), bias=False), nn.BatchNorm2d(128), nn.ReLU(),
            _Along(128), _Along(128),
        )  # fmt: skip
        self.write = nn.Conv2d(128, CLASSES, 1)

    def forward(self, lines: torch.Tensor) -> torch.Tensor:
        """See the class."""
        scores: torch.Tensor = self.write(self.look(lines))
        return scores.squeeze(2).transpose(1, 2)
