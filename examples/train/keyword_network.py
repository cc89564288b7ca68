"""The keyword network and the sound it listens to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from speakers import LABELS, RATE, Recording
from torch import nn

from edgemm.card import AudioRecipe
from edgemm.preprocess.logmel import logmel

RECIPE = AudioRecipe(
    sample_rate=RATE, window=200, hop=160, n_fft=256, n_mels=24, fmin=100.0, fmax=3800.0,
    log_offset=1e-6, frames=50, stride=160,
)  # fmt: skip
"""One second in steps of 20 ms; mean and std are measured before training."""
SPAN = (RECIPE.frames - 1) * RECIPE.hop + RECIPE.window
"""Samples in one window of the model."""


def network() -> nn.Sequential:
    """Float32[n, 1, 50, 24] (time, mel bands) -> scores of `LABELS`. 74,675 weights, 3.4 million products.

    The bands are narrowed to one, so that the last convolution sees whole spectra over 200 ms; the
    maximum over time finds the word wherever in the window it is.
    """
    layers: dict[str, nn.Module] = {
        **_convolution(1, 1, 16, (3, 3), (1, 1)), "pool1": nn.MaxPool2d(2),
        **_convolution(2, 16, 24, (3, 3), (1, 1)), "pool2": nn.MaxPool2d((1, 2)),
        **_convolution(3, 24, 32, (3, 3), (1, 1)), "pool3": nn.MaxPool2d(2),
        **_convolution(4, 32, 56, (3, 3), (1, 1)),
        **_convolution(5, 56, 56, (5, 3), (2, 0)), "pool5": nn.MaxPool2d((12, 1)),
        "flatten": nn.Flatten(), "dropout": nn.Dropout(0.3), "fc": nn.Linear(56, len(LABELS)),
    }  # fmt: skip
    return nn.Sequential(OrderedDict(layers))


def _convolution(
    number: int, inputs: int, outputs: int, kernel: tuple[int, int], padding: tuple[int, int]
) -> dict[str, nn.Module]:
    return {
        f"conv{number}": nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=False),
        f"norm{number}": nn.BatchNorm2d(outputs),
        f"relu{number}": nn.ReLU(),
    }


def centred(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """float32[SPAN]: a shorter recording in the middle of silence, the middle of a longer one."""
    missing = SPAN - len(samples)
    if missing > 0:
        return np.pad(samples, (missing // 2, missing - missing // 2))
    return samples[-missing // 2 :][:SPAN]


def clip_windows(recordings: Sequence[Recording], recipe: AudioRecipe) -> tuple[torch.Tensor, torch.Tensor]:
    """One window of each recording, float32[n, 1, frames, bands], and the digits int64[n]."""
    windows = np.stack([logmel(centred(recording.samples()), recipe) for recording in recordings])
    return torch.from_numpy(windows[:, None]), torch.tensor([r.digit for r in recordings])


def measured(recordings: Sequence[Recording]) -> AudioRecipe:
    """The recipe with mean and deviation of these recordings' windows."""
    windows, _ = clip_windows(recordings, RECIPE)
    return replace(RECIPE, mean=(round(float(windows.mean()), 3),), std=(round(float(windows.std()), 3),))
