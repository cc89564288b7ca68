"""The photographs that the network for larger pictures learns from, and those that it never sees.

`pip download --no-deps scikit-image==0.26.0` fetches a wheel, a ZIP whose skimage/data has the .png files and some
.jpg; `china.jpg` and `flower.jpg` come with scikit-learn, in sklearn/datasets/images. All may be given on:

    camera (Lav Varshney), brick and gravel (CC0Textures), grass (linolafett), retina (Mikael Haggstrom)    CC0
    coffee (Rachel Michetti), chelsea (Stefan van der Walt)                                                CC0
    astronaut, hubble_deep_field (NASA), rocket (SpaceX)                                                   public domain
    coins (Brooklyn Museum), ihc (CMMI)                                         no known copyright restrictions
    china (danielbuechele), flower (vultilion)                                                             CC BY 2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

TRAIN: dict[str, tuple[float, ...]] = {
    "camera.png": (1.0, 0.7), "brick.png": (1.0, 0.6), "grass.png": (1.0, 0.6), "gravel.png": (1.0, 0.6),
    "ihc.png": (1.0, 0.6), "rocket.jpg": (0.8, 0.5), "hubble_deep_field.jpg": (0.5,), "retina.jpg": (0.4,),
    "china.jpg": (0.8, 0.5),
}  # fmt: skip
"""File -> the sizes that it is used in: those of a JPEG are smaller, where its blocks are not seen."""
VALIDATION: dict[str, tuple[float, ...]] = {"coins.png": (1.0,), "flower.jpg": (0.6,)}
HELD_OUT: dict[str, tuple[float, ...]] = {
    "astronaut.png": (1.0,),
    "chelsea.png": (1.0,),
    "coffee.png": (1.0,),
}
BORDER = 4
"""Pixels along the edges that are left out where pictures are compared."""

Luma = npt.NDArray[np.uint8]
"""uint8[height, width], even in both."""


def lumas(folder: Path, files: dict[str, tuple[float, ...]]) -> list[Luma]:
    """The brightness of each photograph in each size: Y of full-range YCbCr (BT.601)."""
    found = []
    for name, scales in files.items():
        picture: Any = cv2.imread(str(folder / name), cv2.IMREAD_COLOR)
        if picture is None:
            raise FileNotFoundError(f"{folder / name}: expected a photograph")
        luma = cv2.cvtColor(picture, cv2.COLOR_BGR2YCrCb)[..., 0]
        found += [_even(_scaled(luma, scale)) for scale in scales]
    return found


def half(luma: Luma) -> Luma:
    """A picture made smaller by 2 as a good program does it: bicubic, over all the pixels that one covers."""
    return bicubic(luma, (luma.shape[0] // 2, luma.shape[1] // 2))


def bicubic(luma: Luma, size: tuple[int, int]) -> Luma:
    """Another size (rows, columns) by an antialiased bicubic, a = -0.5, rounded: as Pillow resizes."""
    import torch

    pixels = torch.from_numpy(luma.astype(np.float32))[None, None]
    resized = torch.nn.functional.interpolate(pixels, size, mode="bicubic", antialias=True)[0, 0]
    return np.asarray(resized.round().clamp(0, 255).to(torch.uint8).numpy())


def psnr(found: npt.NDArray[Any], truth: npt.NDArray[Any]) -> float:
    """Decibels, without the border."""
    inside = (slice(BORDER, -BORDER), slice(BORDER, -BORDER))
    error = found[inside].astype(np.float64) - truth[inside].astype(np.float64)
    return float(10 * np.log10(255.0**2 / np.square(error).mean()))


def _scaled(luma: Luma, scale: float) -> Luma:
    rows, columns = (round(side * scale) for side in luma.shape)
    return luma if scale == 1 else bicubic(luma, (rows, columns))


def _even(luma: Luma) -> Luma:
    return luma[: luma.shape[0] // 2 * 2, : luma.shape[1] // 2 * 2]
