"""How good generated digits are: what a classifier sees in them, and a picture to look at."""

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


def recognised(pictures: Pictures, labels: Array) -> float:
    """0..1: the share of pictures in which the bundled digits network sees their label."""
    with edgemm.load(data.path("models/digits.onnx")) as model:
        seen: list[Any] = [model(np.rint(each * 255).astype(np.uint8)) for each in pictures]
    return float(np.mean([each.label == str(label) for each, label in zip(seen, labels, strict=True)]))
