"""Networks that answer with a picture: larger ones, styles, drawings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks.zoo.trained import measures
from benchmarks.zoo.trained.network import Array, Data, Network
from benchmarks.zoo.trained.pictures import CALIBRATE, COCO, CORAL, SHARP, photographs, planar, read

TRUE = (f"{SHARP}/astronaut.png", f"{SHARP}/coffee.png", f"{SHARP}/chelsea.png", f"{CORAL}/cat_720p.jpg")
CROPS = 2
"""Of each true picture."""


def smaller(picture: Array, times: int) -> Array:
    """float32[height, width, channels] from 0 to 1, antialiased bicubic."""
    import torch

    planes = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32) / 255)
    size = [each // times for each in planes.shape[2:]]
    small = torch.nn.functional.interpolate(planes, size, mode="bicubic", antialias=True)
    return np.asarray(small[0].numpy().transpose(1, 2, 0).clip(0, 1))


def _larger(name: str, side: int, times: int, channels: int) -> Callable[[Path], Data]:
    """Squares of `side` pixels made smaller by `times`; edges of pictures that are smaller are mirrored, not judged."""

    def square(picture: Array, left: bool) -> tuple[Array, Array]:
        whole = side * times
        piece = picture[:whole, :whole] if left else picture[-whole:, -whole:]
        below, right = whole - piece.shape[0], whole - piece.shape[1]
        seen = np.zeros((whole, whole), bool)
        seen[: piece.shape[0], : piece.shape[1]] = True
        return cv2.copyMakeBorder(piece, 0, below, 0, right, cv2.BORDER_REFLECT), seen

    def shown(picture: Array) -> Array:
        if channels == 3:
            return picture
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)[:, :, :1])

    def fed(picture: Array) -> dict[str, Array]:
        return {name: np.ascontiguousarray(smaller(picture, times).transpose(2, 0, 1)[None])}

    def data(root: Path) -> Data:
        held, sharp, seen = [], [], []
        for path in TRUE:
            for at in range(CROPS):
                piece, inside = square(read(root / path), at == 0)
                held.append(fed(shown(piece)))
                sharp.append(shown(piece).transpose(2, 0, 1) / 255)
                seen.append(inside)
        calibrate = [
            fed(shown(cv2.resize(read(path), (side * times, side * times), interpolation=cv2.INTER_AREA)))
            for path in photographs(root)[:CALIBRATE]
        ]
        return Data((calibrate,), (held,), measures.near_truth(held, sharp, seen))

    return data


def _style(root: Path) -> Data:
    pictures = [{"image": planar(read(path), 256, 256)} for path in photographs(root)[: CALIBRATE + 8]]
    held = pictures[CALIBRATE:]
    return Data((pictures[:CALIBRATE],), (held,), measures.near_source(held, 255.0))


def _drawings(root: Path) -> Data:
    """Every class twice in calibration, once held out."""
    random = np.random.default_rng(0)
    samples = [
        {
            "latent": random.standard_normal((1, 16)).astype(np.float32),
            "label": np.eye(51, dtype=np.float32)[None, at % 51],
        }
        for at in range(153)
    ]
    return Data((samples[:102],), (samples[102:],), measures.near_source(samples[102:], 1.0))


ENHANCED = (
    Network(
        "espcn", ("models/enhance/espcn_x3_224.onnx",), (COCO, *TRUE), "PSNR to the sharp luma, 8 squares",
        _larger("luma", 224, 3, 1), unit="dB",
    ),
    Network(
        "esrgan", ("models/enhance/esrgan_slim_x2.onnx",), (COCO, *TRUE), "PSNR to the sharp picture, 8 squares",
        _larger("image", 128, 2, 3), unit="dB",
    ),
    Network(
        "style", ("models/generate/style_wave.onnx",), (COCO,), "PSNR to the source's picture, 8 pictures", _style,
        unit="dB", against_source=True,
    ),
    Network(
        "cvae", ("models/generate/cvae_quickdraw.onnx",), (), "PSNR to the source's drawing, 51 classes", _drawings,
        unit="dB", against_source=True,
    ),
)  # fmt: skip
