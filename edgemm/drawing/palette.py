"""Colours of classes: the same class has the same colour in every picture and every run."""

from __future__ import annotations

import colorsys
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Rgb = tuple[int, int, int]

BLACK: Rgb = (0, 0, 0)
WHITE: Rgb = (255, 255, 255)
FIRST: tuple[Rgb, ...] = (
    (230, 60, 50), (60, 180, 75), (50, 110, 235), (255, 210, 40), (190, 60, 210), (60, 215, 230), (250, 130, 40),
    (165, 235, 50), (245, 140, 190), (0, 128, 128), (150, 90, 40), (140, 10, 60), (160, 170, 255), (90, 100, 20),
    (20, 30, 130), (255, 220, 180), (120, 120, 120), (150, 255, 190), (90, 40, 140), (200, 200, 200),
)  # fmt: skip
"""Of the first classes: far apart from each other. Those that follow are calculated."""
_GOLDEN = 0.61803398875
"""Steps of this part of the circle never come near an earlier one soon."""


@lru_cache(maxsize=4096)
def color_of(class_id: int) -> Rgb:
    """The colour of a class, whatever its number."""
    if 0 <= class_id < len(FIRST):
        return FIRST[class_id]
    turn = class_id % 65536
    hue = turn * _GOLDEN % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, (0.55, 0.8, 1.0)[turn % 3], (1.0, 0.75, 0.5)[turn // 3 % 3])
    return round(red * 255), round(green * 255), round(blue * 255)


@lru_cache(maxsize=8)
def table(classes: int, bgr: bool) -> npt.NDArray[np.uint8]:
    """uint8[classes, 1, 3], a row for each class. Not to be written to."""
    rows = np.array([color_of(each) for each in range(classes)], np.uint8).reshape(classes, 1, 3)
    return np.ascontiguousarray(rows[:, :, ::-1] if bgr else rows)


def readable_on(background: Rgb) -> Rgb:
    """Black or white, whichever has the higher contrast on the background.

    Contrast as WCAG 2 defines it, (lighter + 0.05) / (darker + 0.05) of relative luminance.
    """
    luminance = relative_luminance(background)
    return BLACK if (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) else WHITE


def relative_luminance(color: Rgb) -> float:
    """0..1, as sRGB defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (x / 255 for x in color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
