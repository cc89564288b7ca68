"""Real data, split into what trains and what is held out."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from edgemm.quantize.training import Batch

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
"""Of the free spoken digit dataset."""


@dataclass(frozen=True, slots=True)
class Data:
    """Inputs and labels as tensors."""

    train: tuple[Any, Any]
    held_out: tuple[Any, Any]
    augment: Callable[[Batch], Batch] | None = None


def load(name: str, shared: Path, seed: int) -> Data:
    """ "pictures" (CIFAR-10, 20,000 and 2,000), "digits" (8,000 and 2,000), "lines" (digits, a row at a time), "drawn"
    (digits in -1..1) or "words" (2,500 of five speakers, and 500 of one who is held out: another for each seed)."""
    if name == "pictures":
        folder = shared / "data/cifar10_jpeg"
        return Data(_pictures(folder / "train.zip"), _pictures(folder / "test.zip"), moved)
    if name == "words":
        return _words(shared / "data/fsdd", SPEAKERS[seed % len(SPEAKERS)])
    with np.load(shared / "data/mnist10k/mnist10k.npz") as stored:
        images, labels = stored["images"], stored["labels"]
    order = np.random.default_rng(0).permutation(len(images))
    x = torch.from_numpy(images[order].astype(np.float32) / 255)
    y = torch.from_numpy(labels[order].astype(np.int64))
    x = x if name == "lines" else x[:, None]
    x = 2 * x - 1 if name == "drawn" else x
    return Data((x[:8000], y[:8000]), (x[8000:], y[8000:]))


def _pictures(path: Path) -> tuple[Any, Any]:
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        kinds = sorted({name.split("/")[-2] for name in names})
        images = [_decoded(archive.read(name)) for name in names]
    mean = np.array([125.3, 123.0, 113.9], np.float32)
    spread = np.array([63.0, 62.1, 66.7], np.float32)
    labels = torch.tensor([kinds.index(name.split("/")[-2]) for name in names])
    return torch.from_numpy((np.stack(images) - mean) / spread).permute(0, 3, 1, 2), labels


def _decoded(jpeg: bytes) -> Any:
    """float32[32, 32, 3], RGB."""
    picture: Any = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return picture[:, :, ::-1].astype(np.float32)


def moved(batch: Batch) -> Batch:
    """Each picture mirrored by chance, and moved by up to four pixels."""
    x = batch.inputs[0].permute(0, 2, 3, 1)  # channels last, as the convolutions are fastest
    count, high, wide, _ = x.shape
    x = torch.nn.functional.pad(x, (0, 0, 4, 4, 4, 4))
    rows = torch.arange(high) + torch.randint(0, 9, (count, 1))
    columns = torch.arange(wide) + torch.randint(0, 9, (count, 1))
    columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
    x = x[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return Batch((x.permute(0, 3, 1, 2),), batch.targets)


def _words(folder: Path, held_out: str) -> Data:
    from benchmarks.shared import sound
    from edgemm.card import AudioRecipe
    from edgemm.preprocess.logmel import logmel

    recipe = AudioRecipe(
        sample_rate=8000, window=200, hop=160, n_fft=256, n_mels=24, fmin=100.0, fmax=3800.0, log_offset=1e-6,
        frames=50, stride=160,
    )  # fmt: skip
    length = (recipe.frames - 1) * recipe.hop + recipe.window
    spoken: dict[bool, tuple[list[Any], list[int]]] = {True: ([], []), False: ([], [])}
    for path in sorted(folder.glob("*.wav")):
        digit, speaker, _ = path.stem.split("_")
        samples = sound(path)[0][:length]
        before = (length - len(samples)) // 2
        samples = np.pad(samples, (before, length - len(samples) - before))
        windows, labels = spoken[speaker == held_out]
        windows.append(logmel(samples, recipe)[None])
        labels.append(int(digit))
    mean, spread = np.mean(spoken[False][0]), np.std(spoken[False][0])
    made = {
        mine: (torch.from_numpy((np.stack(windows) - mean) / spread), torch.tensor(labels))
        for mine, (windows, labels) in spoken.items()
    }
    return Data(made[False], made[True], varied)


def varied(batch: Batch) -> Batch:
    """Each word up to 0.1 s earlier or later, louder or softer, with a band and a moment missing."""
    x = batch.inputs[0]
    count, _, frames, bands = x.shape
    times = (torch.arange(frames) + torch.randint(-5, 6, (count, 1))).clamp(0, frames - 1)
    x = x[torch.arange(count)[:, None], :, times].transpose(1, 2) + 0.5 * torch.randn(count, 1, 1, 1)
    missing = _hole(count, frames, 8)[:, None, :, None] | _hole(count, bands, 5)[:, None, None]
    return batch._replace(inputs=(x.masked_fill(missing, 0.0),))


def _hole(count: int, length: int, longest: int) -> Any:
    """bool[count, length], true over a random stretch of each."""
    begin = torch.randint(0, length, (count, 1))
    end = begin + torch.randint(0, longest + 1, (count, 1))
    at = torch.arange(length)
    return (at >= begin) & (at < end)
