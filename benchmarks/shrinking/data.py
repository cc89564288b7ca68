"""Real data, split into what trains and what is held out."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class Data:
    """Inputs and labels as tensors."""

    train: tuple[Any, Any]
    held_out: tuple[Any, Any]
    flips: bool = False
    """Whether a training picture may be mirrored, and moved by four pixels."""


def load(name: str, shared: Path) -> Data:
    """ "pictures" (CIFAR-10, 20,000 and 2,000), "digits" (8,000 and 2,000) or "lines" (digits, a row at a time)."""
    if name == "pictures":
        folder = shared / "data/cifar10_jpeg"
        return Data(_pictures(folder / "train.zip"), _pictures(folder / "test.zip"), flips=True)
    with np.load(shared / "data/mnist10k/mnist10k.npz") as stored:
        images, labels = stored["images"], stored["labels"]
    order = np.random.default_rng(0).permutation(len(images))
    x = torch.from_numpy(images[order].astype(np.float32) / 255)
    y = torch.from_numpy(labels[order].astype(np.int64))
    x = x if name == "lines" else x[:, None]
    return Data((x[:8000], y[:8000]), (x[8000:], y[8000:]))


def _pictures(path: Path) -> tuple[Any, Any]:
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        kinds = sorted({name.split("/")[-2] for name in names})
        images = [_decoded(archive.read(name)) for name in names]
    mean = np.array([125.3, 123.0, 113.9], np.float32)
    spread = np.array([63.0, 62.1, 66.7], np.float32)
    x = (np.stack(images) - mean) / spread
    labels = torch.tensor([kinds.index(name.split("/")[-2]) for name in names])
    return torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))), labels


def _decoded(jpeg: bytes) -> Any:
    """float32[32, 32, 3], RGB."""
    picture: Any = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return picture[:, :, ::-1].astype(np.float32)
