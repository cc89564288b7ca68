"""How good generated digits are: the Frechet distance between them and real ones, and a picture to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from digits import network

import edgemm
from edgemm import data

Pictures = npt.NDArray[np.float32]
"""float32[n, 28, 28] in 0..1."""
Array = npt.NDArray[Any]


def features(pictures: Pictures) -> Array:
    """float64[n, 128]: what the bundled digits network has found in each picture before its last layer."""
    import onnx
    from onnx import numpy_helper

    stored = onnx.load(str(data.path("models/digits.onnx"))).graph.initializer
    net = network().eval()
    net.load_state_dict({each.name: torch.tensor(numpy_helper.to_array(each)) for each in stored})
    with torch.no_grad():
        parts = torch.from_numpy(pictures)[:, None].split(500)
        found = torch.cat([net[:-1](part) for part in parts])
    values: Array = found.double().numpy()
    return values


def frechet_distance(ours: Array, real: Array) -> float:
    """Between two clouds of features [n, d], each taken for a normal distribution (Heusel et al. 2017):
    |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^0.5), with means m and covariances C.
    """
    apart = float(np.square(ours.mean(0) - real.mean(0)).sum())
    one, other = np.cov(ours.T), np.cov(real.T)
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(0)).sum()
    return apart + float(np.trace(one) + np.trace(other)) - 2 * float(shared)


def drawn(path: Path, noise: Array) -> Pictures:
    """What a generator's file makes of each row of noise, one by one as on a device."""
    with edgemm.load(path) as model:
        source, result = model.inputs[0], model.outputs[0]
        made = [
            result.dequantize(
                model.run({source.name: source.quantize(each.reshape(source.shape))})[result.name]
            )
            for each in noise
        ]
    levels = np.stack(made).reshape(-1, 28, 28).astype(np.float32)
    return (levels + np.float32(1)) / np.float32(2)


def write_grid(path: Path, *several: Pictures) -> None:
    """A PNG with 8 x 8 pictures of each, side by side."""
    grids = [each[:64].reshape(8, 8, 28, 28).swapaxes(1, 2).reshape(224, 224) for each in several]
    shown = np.concatenate([np.pad(grid, 8, constant_values=0.5) for grid in grids], axis=1)
    cv2.imwrite(str(path), np.rint(shown * 255).astype(np.uint8))
