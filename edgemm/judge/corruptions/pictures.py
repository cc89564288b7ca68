"""Pictures that are noisy, blurred, too bright or too dark, compressed, turned. All compute in float32, 0..255, and
round once. `level` counts from 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.affine import Affine, at_pixel_centers, inverse
from edgemm.opencv import opencv

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

NOISE = (8.0, 16.0, 32.0, 48.0, 64.0)
"""Standard deviation of Gaussian noise, of 255."""
BLUR = (0.005, 0.01, 0.015, 0.025, 0.04)
"""Sigma of a Gaussian, as a share of the shorter side, and at least `LEAST_BLUR`."""
LEAST_BLUR = (0.4, 0.6, 0.8, 1.1, 1.5)
"""Pixels."""
BRIGHTNESS = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Of 255, added to half of the pictures and taken from the others."""
QUALITY = (50, 30, 20, 10, 5)
"""Of JPEG."""
DEGREES = (4.0, 8.0, 15.0, 25.0, 40.0)
"""To the left in half of the pictures, to the right in the others."""


def noise(pixels: Pixels, level: int, rng: np.random.Generator) -> Pixels:
    """Gaussian noise, in each channel for itself."""
    return _rounded(pixels + NOISE[level] * rng.standard_normal(pixels.shape, np.float32))


def blur(pixels: Pixels, level: int, rng: np.random.Generator) -> Pixels:
    """Out of focus."""
    sigma = max(BLUR[level] * min(pixels.shape[:2]), LEAST_BLUR[level])
    blurred = opencv().GaussianBlur(pixels.astype(np.float32), (0, 0), sigma)
    return _rounded(blurred)


def brightness(pixels: Pixels, level: int, rng: np.random.Generator) -> Pixels:
    """Too much light, or too little."""
    return _rounded(pixels.astype(np.float32) + _sign(rng) * BRIGHTNESS[level] * 255)


def compression(pixels: Pixels, level: int, rng: np.random.Generator) -> Pixels:
    """Through JPEG and back."""
    cv2 = opencv()
    colored = pixels.ndim == 3
    stored = np.ascontiguousarray(pixels[:, :, ::-1]) if colored else pixels
    _, jpeg = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, QUALITY[level]])
    back = cv2.imdecode(jpeg, cv2.IMREAD_COLOR if colored else cv2.IMREAD_GRAYSCALE)
    return np.ascontiguousarray(back[:, :, ::-1]) if colored else np.asarray(back, np.uint8)


def rotation(pixels: Pixels, level: int, rng: np.random.Generator) -> Pixels:
    """Turned around its middle; the edge is continued where nothing is known."""
    cv2 = opencv()
    height, width = pixels.shape[:2]
    back = at_pixel_centers(inverse(turn(level, rng, (width, height))))
    turned = cv2.warpAffine(
        pixels.astype(np.float32), back, (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return _rounded(turned)


def turn(level: int, rng: np.random.Generator, size_wh: tuple[int, int]) -> Affine:
    """From a place in the picture to the same place in the turned one, in continuous coordinates."""
    angle = math.radians(_sign(rng) * DEGREES[level])
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = size_wh[0] / 2, size_wh[1] / 2
    return np.array([[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y]])


def _sign(rng: np.random.Generator) -> int:
    return 1 if rng.random() < 0.5 else -1


def _rounded(floats: Any) -> Pixels:
    return np.asarray(np.clip(np.rint(floats), 0, 255), np.uint8)
