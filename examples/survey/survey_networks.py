"""The five models of a survey of deep learning for multimedia, as such surveys write them down.

A two-layer CNN for 1x28x28 digits, an nn.RNN classifier with its zero state, an Embedding and LSTM for text, a
Transformer for text, and a GAN: a generator that takes noise of 100x1x1, a discriminator, and both composed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

SIDE, CLASSES, NOISE = 28, 10, 100


class CNN(nn.Module):  # type: ignore[misc]
    """float32[n, 1, 28, 28] -> [n, 10] scores."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(32 * 7 * 7, 128)
        self.fc2 = nn.Linear(128, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Scores."""
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        x = x.view(x.size(0), -1)
        found: Tensor = self.fc2(torch.relu(self.fc1(x)))
        return found


class RNN(nn.Module):  # type: ignore[misc]
    """A digit read row by row: float32[n, 28, 28] -> [n, 10] scores."""

    def __init__(self, hidden: int = 128, layers: int = 1) -> None:
        super().__init__()
        self.hidden, self.layers = hidden, layers
        self.rnn = nn.RNN(SIDE, hidden, layers, batch_first=True)
        self.fc = nn.Linear(hidden, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Scores, from the last row's state."""
        h0 = torch.zeros(self.layers, x.size(0), self.hidden)
        out, _ = self.rnn(x, h0)
        found: Tensor = self.fc(out[:, -1, :])
        return found


class LSTMText(nn.Module):  # type: ignore[misc]
    """int64[n, length] characters -> [n, classes] scores."""

    def __init__(self, vocabulary: int, classes: int, embedding: int = 64, hidden: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Scores, from the last hidden state."""
        _, (hidden, _) = self.lstm(self.embedding(x))
        found: Tensor = self.fc(hidden[-1])
        return found


class TransformerText(nn.Module):  # type: ignore[misc]
    """int64[n, length] characters -> [n, classes] scores."""

    def __init__(
        self, vocabulary: int, classes: int, length: int, width: int = 64, heads: int = 4, layers: int = 2
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.zeros(1, length, width))
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.fc = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Scores, from the mean over all places."""
        encoded = self.encoder(self.embedding(x) + self.position)
        found: Tensor = self.fc(encoded.mean(dim=1))
        return found


class Generator(nn.Module):  # type: ignore[misc]
    """float32[n, 100, 1, 1] noise -> [n, 1, 28, 28] in -1..1."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(NOISE, 128, 7, 1, 0, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False), nn.Tanh(),
        )  # fmt: skip

    def forward(self, noise: Tensor) -> Tensor:
        """A picture."""
        found: Tensor = self.main(noise)
        return found


class Discriminator(nn.Module):  # type: ignore[misc]
    """float32[n, 1, 28, 28] -> [n, 1, 1, 1] in 0..1: how likely the picture is real."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, 32, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
            nn.Conv2d(32, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
            nn.Conv2d(64, 1, 7, 1, 0, bias=False), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, picture: Tensor) -> Tensor:
        """A probability."""
        found: Tensor = self.main(picture)
        return found


class GAN(nn.Module):  # type: ignore[misc]
    """What the discriminator says of what the generator makes."""

    def __init__(self, generator: Any, discriminator: Any) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator

    def forward(self, noise: Tensor) -> Tensor:
        """float32[n, 100, 1, 1] -> [n, 1, 1, 1]"""
        found: Tensor = self.discriminator(self.generator(noise))
        return found
