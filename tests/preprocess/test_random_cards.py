"""Cards and frames at random, against the same thing written plainly in NumPy and OpenCV, element for element."""

from __future__ import annotations

import random
import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

from edgemm.card import ImageRecipe, InputCard
from edgemm.opencv import opencv
from edgemm.preprocess import ImagePreprocessor, compile_image
from edgemm.preprocess.placement import place
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
cv2 = needs(opencv)

STORED: tuple[tuple[str, float, int, dict[str, Any]], ...] = (
    ("int8", 1 / 255, -128, {}),  # the pixel, its highest bit turned over
    ("int8", 1 / 128, 0, {"scale": 1.0, "mean": (128.0,), "std": (128.0,)}),
    ("int8", 1 / 255, -128, {"scale": -1 / 255, "mean": (-1.0,), "std": (1.0,)}),  # 127 less the pixel
    ("int8", 0.02, -5, {}),
    ("int8", 1 / 255, -128, {"mean": (0.0, 0.1, 0.0), "std": (1.0, 1.0, 0.5)}),
    ("uint8", 0.0, 0, {"scale": 1.0}),
    ("uint8", 1 / 255, 0, {}),
    ("uint8", 0.02, 117, {}),
    ("float32", 0.0, 0, {}),
    ("float32", 0.0, 0, {"mean": (0.5,), "std": (0.5,)}),
    ("float32", 0.0, 0, {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}),
)
METHODS = {
    "nearest": "INTER_NEAREST",
    "linear": "INTER_LINEAR_EXACT",
    "area": "INTER_AREA",
    "cubic": "INTER_CUBIC",
}


def plainly(
    pixels: npt.NDArray[np.uint8], color: str, recipe: ImageRecipe, layout: str, spec: TensorSpec
) -> npt.NDArray[Any]:
    """Colour, resize, border or cut, numbers, quantization: each on the whole picture."""
    height, width = spec.shape[1:3] if layout == "NHWC" else spec.shape[2:]
    if color != recipe.color:
        pixels = cv2.cvtColor(pixels, getattr(cv2, f"COLOR_{color}2{recipe.color}".upper()))
    at = place(recipe, (pixels.shape[1], pixels.shape[0]), (width, height))
    method = getattr(cv2, METHODS[recipe.interpolation])
    resized = cv2.resize(pixels, at.resized_wh, interpolation=method).reshape(*at.resized_wh[::-1], -1)
    canvas = np.full((height, width, resized.shape[2]), recipe.pad_value, np.float32)
    canvas[at.area] = resized[at.crop]
    mean, std = np.array(recipe.mean, np.float32), np.array(recipe.std, np.float32)
    stored = spec.quantize((canvas * np.float32(recipe.scale) - mean) / std)
    return np.asarray((stored if layout == "NHWC" else stored.transpose(2, 0, 1))[None])


def any_card(chance: random.Random) -> tuple[ImageRecipe, str, TensorSpec]:
    dtype, scale, zero, said = chance.choice(STORED)
    several = any(len(each) > 1 for each in said.values() if isinstance(each, tuple))
    wanted = chance.choice(("rgb", "bgr") if several else ("rgb", "bgr", "gray"))
    recipe = ImageRecipe(
        color=wanted,  # type: ignore[arg-type]
        resize=chance.choice(("stretch", "letterbox", "center-crop")),
        interpolation=chance.choice(("nearest", "linear", "area", "cubic")),
        pad_value=chance.choice((0, 114, 255)),
        resize_short=chance.choice((0, 24, 40)),
        **said,
    )
    layout = chance.choice(("NHWC", "NCHW"))
    size = chance.choice((16, 24, 33)), chance.choice((16, 32, 45))
    channels = 1 if wanted == "gray" else 3
    shape = (1, *size, channels) if layout == "NHWC" else (1, channels, *size)
    return recipe, layout, TensorSpec("input", shape, dtype, scale, zero)


def any_frame(chance: random.Random, color: str) -> npt.NDArray[np.uint8]:
    size = chance.choice(((60, 90), (11, 13), (24, 32), (48, 64), (16, 16), (33, 45), (90, 21)))
    shape = size if color == "gray" else (*size, 3)
    return np.random.default_rng(chance.randrange(1 << 30)).integers(0, 256, shape, np.uint8)


def compiled(recipe: ImageRecipe, layout: str, spec: TensorSpec) -> ImagePreprocessor:
    return compile_image(InputCard(name="input", modality="image", layout=layout, image=recipe), spec)


@pytest.mark.parametrize("seed", range(120))
def test_each_element_is_what_plain_steps_give(seed: int) -> None:
    chance = random.Random(seed)
    recipe, layout, spec = any_card(chance)
    preprocess = compiled(recipe, layout, spec)
    out = np.full(spec.shape, 77, spec.dtype)
    for _ in range(4):  # sizes and colours that take turns, in one tensor that keeps what was there
        color = chance.choice(("rgb", "bgr", "gray"))
        pixels = any_frame(chance, color)
        before = pixels.copy()
        preprocess(pixels, color, out)  # type: ignore[arg-type]
        np.testing.assert_array_equal(out, plainly(pixels, color, recipe, layout, spec))
        np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("stored", STORED[:3])
def test_a_picture_of_the_very_size_is_not_changed_itself(color: str, stored: Any) -> None:
    dtype, scale, zero, said = stored
    spec, recipe = TensorSpec("input", (1, 24, 32, 3), dtype, scale, zero), ImageRecipe(resize="none", **said)
    pixels = np.random.default_rng(1).integers(0, 256, (24, 32) if color == "gray" else (24, 32, 3), np.uint8)
    before, out = pixels.copy(), np.empty(spec.shape, spec.dtype)
    compiled(recipe, "NHWC", spec)(pixels, color, out)  # type: ignore[arg-type]
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_array_equal(out, plainly(pixels, color, recipe, "NHWC", spec))


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("wanted", ["rgb", "gray"])
@pytest.mark.parametrize("resize", ["letterbox", "stretch", "center-crop"])
def test_nothing_of_the_size_of_a_picture_is_made_where_bytes_are_pixels(
    dtype: str, wanted: str, resize: str
) -> None:
    zero, channels = -128 if dtype == "int8" else 0, 1 if wanted == "gray" else 3
    spec = TensorSpec("input", (1, 320, 320, channels), dtype, 1 / 255, zero)
    preprocess = compiled(ImageRecipe(color=wanted, resize=resize), "NHWC", spec)  # type: ignore[arg-type]
    pixels, out = np.zeros((720, 1280, 3), np.uint8), np.empty(spec.shape, spec.dtype)
    preprocess(pixels, "bgr", out)
    tracemalloc.start()
    preprocess(pixels, "bgr", out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32768  # a buffer of NumPy's has 8 KB, the smallest picture in play, grey, 57,600 bytes
