"""Pages of text in TrueType fonts, as pictures; needs Pillow, and fonts as Debian's packages install them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

FONTS = (
    "dejavu/DejaVuSans.ttf", "dejavu/DejaVuSerif.ttf", "dejavu/DejaVuSansMono.ttf",
    "liberation/LiberationSans-Regular.ttf", "liberation/LiberationSerif-Regular.ttf",
    "freefont/FreeSans.ttf", "freefont/FreeSerif.ttf",
)  # fmt: skip
"""In the packages fonts-dejavu-core, fonts-liberation and fonts-freefont-ttf."""
SIZES = (14, 18, 22, 26, 32)
"""Pixels of an em; each line has one of them."""
ROOT = Path("/usr/share/fonts/truetype")
Pixels = npt.NDArray[np.uint8]


def found_fonts(root: Path = ROOT) -> tuple[Path, ...]:
    """Those of `FONTS` that are there."""
    return tuple(root / name for name in FONTS if (root / name).is_file())


def page(lines: Sequence[str], fonts: Sequence[Path], seed: int, sizes: Sequence[int] = SIZES) -> Pixels:
    """uint8[height, width, 3] RGB: dark letters on light paper, each line in a font and a size of its own."""
    Image, ImageDraw, ImageFont = (
        import_module(f"PIL.{each}") for each in ("Image", "ImageDraw", "ImageFont")
    )
    random = np.random.default_rng(seed)
    kinds = [
        ImageFont.truetype(str(fonts[(at + seed) % len(fonts)]), sizes[(at * 3 + seed) % len(sizes)])
        for at in range(len(lines))
    ]
    width = 80 + max(int(kind.getlength(line)) for kind, line in zip(kinds, lines, strict=True))
    height = 60 + sum(int(kind.size * 1.7) for kind in kinds)
    paper, ink = (tuple(int(each) for each in random.integers(*span, 3)) for span in ((225, 256), (0, 70)))
    picture: Any = Image.new("RGB", (width, height), paper)
    pen, top = ImageDraw.Draw(picture), 30
    for kind, line in zip(kinds, lines, strict=True):
        pen.text((40, top), line, font=kind, fill=ink)
        top += int(kind.size * 1.7)
    return np.asarray(picture, np.uint8).copy()


def photographed(pixels: Pixels, degrees: float, darkest: float, seed: int, noise: float = 4.0) -> Pixels:
    """The page rotated, on a dark table, lit from one corner, with the noise of a camera.

    Args:
        pixels: uint8[height, width, 3].
        degrees: clockwise.
        darkest: 0..1, of the light in the corner that is farthest from the lamp.
        seed: of the noise.
        noise: grey levels, standard deviation.
    """
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    size = int(width * cos + height * sin) + 40, int(width * sin + height * cos) + 40
    turn[:, 2] += np.array(size) / 2 - np.array([width, height]) / 2
    table = cv2.warpAffine(pixels, turn, size, flags=cv2.INTER_CUBIC, borderValue=(90, 80, 70))
    y, x = np.mgrid[: size[1], : size[0]]
    light = 1.0 - (1.0 - darkest) * (x / size[0] + y / size[1])[..., None] / 2
    grains = np.random.default_rng(seed).normal(0.0, noise, table.shape)
    return np.asarray(np.clip(np.rint(table * light + grains), 0, 255), np.uint8)
