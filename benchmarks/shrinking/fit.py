"""Training, with a checkpoint: what was interrupted goes on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from benchmarks.shrinking.data import Data
from edgemm.quantize.training import Distillation, Samples, Settings, distil, train, train_gan

HOW = Distillation(temperature=4.0, weight=0.5)
"""Half the labels, half the teacher's answers."""


def fit(network: Any, data: Data, settings: Settings, checkpoint: Path, teacher: Any = None) -> None:
    """Trains in place; with a teacher its answers are learned too."""
    samples = Samples(*data.train, data.augment)
    if teacher is None:
        train(network, samples, settings=settings, checkpoint=checkpoint)
    else:
        distil(network, teacher, samples, how=HOW, settings=settings, checkpoint=checkpoint)
    network.eval()


def settings_of(name: str, epochs: int, *, seed: int, rate: float) -> Settings:
    """AdamW with one cycle of the learning rate. ResNet8 computes in bfloat16 where the processor can."""
    half = name == "resnet8" and "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    return Settings(
        epochs, batch_size=128 if name == "resnet8" else 64, optimizer="adamw", learning_rate=rate, weight_decay=0.02,
        schedule="one_cycle", clip_norm=1.0, seed=seed, precision="bfloat16" if half else "float32",
    )  # fmt: skip


def play(generator: Any, discriminator: Any, data: Data, epochs: int, seed: int, checkpoint: Path) -> None:
    """Trains a generator against a discriminator, both in place."""
    settings = Settings(epochs, optimizer="adam", learning_rate=2e-4, betas=(0.5, 0.999), seed=seed)
    train_gan(generator, discriminator, Samples(data.train[0]), noise=(100, 1, 1), settings=settings, average=0.999,
              checkpoint=checkpoint)  # fmt: skip
    generator.eval()


def imitate(generator: Any, teacher: Any, epochs: int, seed: int, checkpoint: Path) -> None:
    """Trains a generator to draw what another one draws of the same noise."""
    noise = torch.randn(8000, 100, 1, 1, generator=torch.Generator().manual_seed(seed))
    settings = Settings(epochs, learning_rate=1e-3, schedule="one_cycle", seed=seed)
    distil(
        generator, teacher, Samples(noise), how=Distillation("mse"), settings=settings, checkpoint=checkpoint
    )
    generator.eval()


def accuracy(network: Any, data: Data) -> float:
    """On what is held out, 0..1."""
    x, y = data.held_out
    with torch.no_grad():
        found = torch.cat([network.eval()(part).argmax(1) for part in x.split(500)])
    return float((found == y).double().mean())


def save(state: Any, path: Path) -> None:
    """Whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)
