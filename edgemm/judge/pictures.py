"""Pictures made by a model against the pictures that they should be: PSNR and SSIM of their brightness."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.judge.truth import TruePicture
from edgemm.results import Picture

PEAK = 255.0
MOST = 100.0
"""Decibels, where all pixels are the same: means stay numbers."""
WINDOW, SIGMA = 11, 1.5
"""Of the Gaussian window that SSIM looks through, in pixels."""
K1, K2 = 0.01, 0.03
BRIGHTNESS = (0.299, 0.587, 0.114)
"""Of red, green and blue: Y of YCbCr (BT.601), 0..255."""
Plane = npt.NDArray[np.float64]


class PictureMetric:
    """The mean PSNR of pictures in decibels; the report has their mean SSIM (Wang et al., 2004) too.

    Compared is the brightness, so that a grey result may have a coloured truth. A truth is a `TruePicture`, a
    `Picture`, or its pixels; of the latter two nothing is left out along the edges.
    """

    name: ClassVar[str] = "PSNR"
    unit: ClassVar[str] = "dB"
    higher_is_better: ClassVar[bool] = True

    def __init__(self) -> None:
        self._psnr: list[float] = []
        self._ssim: list[float] = []

    def add(self, result: Picture, truth: TruePicture | Picture | npt.NDArray[np.uint8]) -> None:
        """One picture.

        Raises:
            InputError: the truth does not lie within the result, or nothing is left between its borders.
        """
        if isinstance(truth, Picture):
            truth = TruePicture(truth.pixels)
        elif not isinstance(truth, TruePicture):
            truth = TruePicture(truth)
        found, right = brightness(result.pixels), brightness(truth.pixels)
        (height, width), (left, top) = right.shape, truth.at_xy
        if truth.within:
            found = found[top : top + height, left : left + width]
        if found.shape != right.shape:
            rows, columns = found.shape
            raise InputError(
                f"picture: expected {width}x{height} pixels as the truth has, found {columns}x{rows}"
            )
        border = truth.border
        if min(height, width) <= 2 * border:
            raise InputError(
                f"picture: expected more than {2 * border} pixels each way to compare, found {width}x{height}"
            )
        inside = (slice(border, height - border), slice(border, width - border))
        found, right = found[inside], right[inside]
        self._psnr.append(psnr(found, right))
        if min(right.shape) >= WINDOW:
            self._ssim.append(ssim(found, right))

    def value(self) -> float:
        """Decibels: MOST where all is right, NaN before the first."""
        return self.value_of(self.counts())

    def counts(self) -> npt.NDArray[np.float64]:
        """float64[2]: sum of decibels, and pictures."""
        return np.array([sum(self._psnr), float(len(self._psnr))])

    @staticmethod
    def value_of(counts: npt.NDArray[np.float64]) -> float:
        """Of summed `counts`."""
        return float(counts[0] / counts[1]) if counts[1] else math.nan

    def report(self) -> dict[str, Any]:
        """`samples`, the mean `PSNR` and that of the `worst`, the mean `SSIM` of those that are large enough for its
        window; None where one is not finite."""
        figures = {
            self.name: self.value(),
            "worst": min(self._psnr, default=math.nan),
            "SSIM": float(np.mean(self._ssim)) if self._ssim else math.nan,
        }
        finite = {name: each if math.isfinite(each) else None for name, each in figures.items()}
        return {"samples": len(self._psnr), **finite}


def brightness(pixels: npt.NDArray[np.uint8]) -> Plane:
    """float64[height, width], 0..255.

    Args:
        pixels: uint8[height, width, 3] RGB, or [height, width].

    Raises:
        InputError: something else.
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise InputError(
            f"picture: expected uint8[height, width, 3] or uint8[height, width], found {pixels.dtype.name}"
            f"{list(pixels.shape)}"
        )
    return pixels.astype(np.float64) if pixels.ndim == 2 else pixels @ np.array(BRIGHTNESS)


def psnr(found: Plane, right: Plane) -> float:
    """Decibels; MOST where both are the same."""
    error = float(np.square(found - right).mean())
    return min(MOST, 10 * math.log10(PEAK**2 / error)) if error > 0 else MOST


def ssim(found: Plane, right: Plane) -> float:
    """The mean over all places in which the window lies within the picture; 1 where both are the same."""
    mean_x, mean_y = _blurred(found), _blurred(right)
    var_x = _blurred(found * found) - mean_x**2
    var_y = _blurred(right * right) - mean_y**2
    both = _blurred(found * right) - mean_x * mean_y
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    return float((likeness / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean())


def _blurred(plane: Plane) -> Plane:
    """Weighed by the window, where it lies within."""
    weights = np.exp(-0.5 * ((np.arange(WINDOW) - WINDOW // 2) / SIGMA) ** 2)
    weights /= weights.sum()
    height, width = (size - WINDOW + 1 for size in plane.shape)
    rows = sum(weight * plane[at : at + height] for at, weight in enumerate(weights))
    return np.asarray(sum(weight * rows[:, at : at + width] for at, weight in enumerate(weights)))
