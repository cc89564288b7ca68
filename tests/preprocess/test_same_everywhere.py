"""The same pixels on every processor and with every OpenCV: against fixed answers, and against arithmetic in numpy."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

from edgemm.card import ImageRecipe, InputCard
from edgemm.opencv import opencv
from edgemm.preprocess import compile_image
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
needs(opencv)

SIZES_HW = ((60, 90), (24, 32), (11, 13), (7, 200), (179, 320), (720, 1280))


def picture(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


def shown(
    pixels: npt.NDArray[np.uint8], order: Any, size_hw: tuple[int, int], **recipe: Any
) -> npt.NDArray[np.uint8]:
    """The pixels as a tensor of plain uint8 has them: [height, width, channels]."""
    made = ImageRecipe(**{"scale": 1.0, **recipe})
    spec = TensorSpec("input", (1, *size_hw, 1 if made.color == "gray" else 3), "uint8")
    out = np.empty(spec.shape, np.uint8)
    compile_image(InputCard(modality="image", layout="NHWC", image=made), spec)(pixels, order, out)
    tensor: npt.NDArray[np.uint8] = out[0]
    return tensor


def bilinear(pixels: npt.NDArray[np.uint8], size_hw: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Without smoothing, the centres of corner pixels not aligned: the definition, in float64."""
    found = pixels.astype(np.float64)
    for axis, size in enumerate(size_hw):
        length = found.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
        low = np.minimum(at.astype(int), max(0, length - 2))
        high = np.minimum(low + 1, length - 1)
        share = (at - low).reshape(-1, *([1] * (found.ndim - 1 - axis)))
        found = np.take(found, low, axis) * (1 - share) + np.take(found, high, axis) * share
    return found


@pytest.mark.parametrize(
    ("interpolation", "digest"),
    [("nearest", "ace297bcfc6076f8"), ("linear", "49f4fc8a9c2875c3")],
)
def test_pixels_are_those_that_every_machine_has(interpolation: str, digest: str) -> None:
    """The digests were taken on x86-64; OpenCV 4.8, 4.11 and 5.0 agree, and ARM does."""
    seen = hashlib.sha256()
    for source_hw in SIZES_HW:
        for color, wanted in (("bgr", "rgb"), ("rgb", "gray"), ("gray", "rgb")):
            pixels = picture(*source_hw)
            for resize in ("stretch", "letterbox", "center-crop"):
                given = pixels[:, :, 0] if color == "gray" else pixels
                recipe = {"color": wanted, "resize": resize, "interpolation": interpolation}
                seen.update(shown(given, color, (24, 32), **recipe).tobytes())
    assert seen.hexdigest()[:16] == digest


@pytest.mark.parametrize("source_hw", SIZES_HW)
@pytest.mark.parametrize("size_hw", [(24, 32), (180, 320), (57, 33)])
def test_linear_is_bilinear(source_hw: tuple[int, int], size_hw: tuple[int, int]) -> None:
    """OpenCV's weights have 8 bits: at most half a level off on each axis, and half a level of rounding."""
    pixels = picture(*source_hw)
    assert np.abs(shown(pixels, "rgb", size_hw) - bilinear(pixels, size_hw)).max() <= 1.5


@pytest.mark.parametrize("interpolation", ["nearest", "linear"])
def test_grey_is_three_equal_channels(interpolation: str) -> None:
    for source_hw in SIZES_HW:
        grey = picture(*source_hw)[:, :, 0]
        equal = np.repeat(grey[:, :, None], 3, axis=2)
        for size_hw in ((24, 32), (180, 320)):
            from_grey = shown(grey, "gray", size_hw, interpolation=interpolation)
            assert np.array_equal(from_grey, shown(equal, "rgb", size_hw, interpolation=interpolation))


@pytest.mark.parametrize(("color", "weights"), [("rgb", (9798, 19235, 3735)), ("bgr", (3735, 19235, 9798))])
def test_grey_is_a_weighted_sum_of_integers(color: str, weights: tuple[int, int, int]) -> None:
    """0.299 R + 0.587 G + 0.114 B in 15 bits, rounded to nearest."""
    pixels = picture(512, 512)
    expected = (pixels.astype(np.int64) @ np.array(weights) + (1 << 14)) >> 15
    assert np.array_equal(shown(pixels, color, (512, 512), color="gray", resize="none")[:, :, 0], expected)
