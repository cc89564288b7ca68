"""Pictures into tensors, against the same thing written plainly in numpy."""

from __future__ import annotations

import itertools
import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

from edgemm.card import ImageRecipe, InputCard
from edgemm.errors import CardError, InputError
from edgemm.opencv import opencv
from edgemm.preprocess import ImagePreprocessor, compile_image
from edgemm.preprocess.placement import place
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
cv2 = needs(opencv)

QUANTIZATION: dict[str, tuple[float, int]] = {"float32": (0.0, 0), "int8": (0.02, -5), "uint8": (0.02, 117)}
IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def picture(height: int, width: int, color: str = "rgb") -> npt.NDArray[np.uint8]:
    shape = (height, width) if color == "gray" else (height, width, 3)
    return np.random.default_rng(height * width).integers(0, 256, shape, np.uint8)


def spec_of(layout: str, height: int, width: int, channels: int, dtype: str) -> TensorSpec:
    shape = (1, height, width, channels) if layout == "NHWC" else (1, channels, height, width)
    return TensorSpec("input", shape, dtype, *QUANTIZATION[dtype])


def compiled(recipe: ImageRecipe, layout: str, spec: TensorSpec) -> ImagePreprocessor:
    return compile_image(InputCard(name="input", modality="image", layout=layout, image=recipe), spec)


def naive(
    pixels: npt.NDArray[np.uint8], color: str, recipe: ImageRecipe, layout: str, spec: TensorSpec
) -> npt.NDArray[Any]:
    """Converts, resizes, pads or crops, normalises in float32, quantizes: each on the whole picture."""
    height, width = spec.shape[1:3] if layout == "NHWC" else spec.shape[2:]
    if color != recipe.color:
        pixels = cv2.cvtColor(pixels, getattr(cv2, f"COLOR_{color}2{recipe.color}".upper()))
    at = place(recipe, (pixels.shape[1], pixels.shape[0]), (width, height))
    exact = "_EXACT" if recipe.interpolation == "linear" else ""
    method = getattr(cv2, f"INTER_{recipe.interpolation}{exact}".upper())
    resized = cv2.resize(pixels, at.resized_wh, interpolation=method)
    resized = resized.reshape(*resized.shape[:2], -1)
    canvas = np.full((height, width, resized.shape[2]), recipe.pad_value, np.float32)
    canvas[at.area] = resized[at.crop]
    mean, std = np.array(recipe.mean, np.float32), np.array(recipe.std, np.float32)
    stored = spec.quantize((canvas * np.float32(recipe.scale) - mean) / std)
    return (stored if layout == "NHWC" else stored.transpose(2, 0, 1))[None]


def assert_as_naive(
    recipe: ImageRecipe, layout: str, dtype: str, color: str, source_hw: tuple[int, int]
) -> None:
    spec = spec_of(layout, 24, 32, 1 if recipe.color == "gray" else 3, dtype)
    pixels = picture(*source_hw, color)
    out = np.full(spec.shape, 77, dtype)
    compiled(recipe, layout, spec)(pixels, color, out)  # type: ignore[arg-type]
    assert np.array_equal(out, naive(pixels, color, recipe, layout, spec))


@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("wanted", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_each_colour_to_each_other_in_each_layout_and_type(layout: str, wanted: str, color: str) -> None:
    per_channel = {} if wanted == "gray" else IMAGENET
    for dtype, resize in itertools.product(QUANTIZATION, ("letterbox", "center-crop")):
        recipe = ImageRecipe(color=wanted, resize=resize, **per_channel)  # type: ignore[arg-type]
        assert_as_naive(recipe, layout, dtype, color, (60, 90))


@pytest.mark.parametrize("source_hw", [(60, 90), (11, 13), (24, 32), (12, 16), (1, 1), (200, 3)])
@pytest.mark.parametrize("interpolation", ["nearest", "linear", "area", "cubic"])
@pytest.mark.parametrize("resize", ["stretch", "letterbox", "center-crop"])
def test_each_resize_up_and_down(resize: str, interpolation: str, source_hw: tuple[int, int]) -> None:
    for wanted, color in (("rgb", "bgr"), ("gray", "rgb"), ("rgb", "gray")):
        recipe = ImageRecipe(color=wanted, resize=resize, interpolation=interpolation)  # type: ignore[arg-type]
        assert_as_naive(recipe, "NHWC", "int8", color, source_hw)


def test_none_takes_a_picture_of_the_very_size() -> None:
    assert_as_naive(ImageRecipe(resize="none"), "NCHW", "float32", "bgr", (24, 32))


def test_raw_uint8_is_the_resized_picture() -> None:
    spec = TensorSpec("input", (1, 24, 32, 3), "uint8")
    out = np.empty(spec.shape, np.uint8)
    pixels = picture(60, 90)
    compiled(ImageRecipe(scale=1.0), "NHWC", spec)(pixels, "rgb", out)
    assert np.array_equal(out[0], cv2.resize(pixels, (32, 24), interpolation=cv2.INTER_LINEAR_EXACT))


def test_pictures_of_changing_size_do_not_leave_traces() -> None:
    spec = spec_of("NHWC", 24, 32, 3, "int8")
    recipe = ImageRecipe(resize="letterbox", **IMAGENET)
    preprocess = compiled(recipe, "NHWC", spec)
    out = np.empty(spec.shape, np.int8)
    for height, width in ((60, 90), (90, 20), (60, 90), (8, 200)):
        pixels = picture(height, width)
        preprocess(pixels, "rgb", out)
        assert np.array_equal(out, naive(pixels, "rgb", recipe, "NHWC", spec))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_pictures_of_changing_colour_are_not_mixed_up(layout: str) -> None:
    spec, recipe, pixels = spec_of(layout, 24, 32, 3, "int8"), ImageRecipe(**IMAGENET), picture(60, 90)
    preprocess = compiled(recipe, layout, spec)
    out = np.empty(spec.shape, np.int8)
    preprocess(pixels, "rgb", out)
    preprocess(pixels, "bgr", out)
    assert np.array_equal(out, naive(pixels, "bgr", recipe, layout, spec))


def test_the_border_is_written_into_each_new_tensor() -> None:
    spec = spec_of("NCHW", 32, 32, 3, "int8")
    preprocess = compiled(ImageRecipe(resize="letterbox", **IMAGENET), "NCHW", spec)
    first, second = (np.full(spec.shape, fill, np.int8) for fill in (0, 99))
    preprocess(picture(10, 40), "rgb", first)
    preprocess(picture(10, 40), "rgb", second)
    assert np.array_equal(first, second)


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("shades", [{"mean": (0.5,), "std": (0.5,)}, IMAGENET], ids=["alike", "by channel"])
def test_sizes_and_colours_that_take_turns_leave_no_traces(
    dtype: str, layout: str, shades: dict[str, Any]
) -> None:
    spec, recipe = spec_of(layout, 24, 32, 3, dtype), ImageRecipe(resize="letterbox", pad_value=30, **shades)
    preprocess, out = compiled(recipe, layout, spec), np.empty(spec.shape, dtype)
    for height, width, color in (
        (60, 90, "rgb"),
        (90, 20, "rgb"),
        (90, 20, "bgr"),
        (24, 32, "gray"),
        (60, 90, "rgb"),
    ):
        pixels = picture(height, width, color)
        preprocess(pixels, color, out)  # type: ignore[arg-type]
        assert np.array_equal(out, naive(pixels, color, recipe, layout, spec))


@pytest.mark.parametrize("kind", [np.float32, np.int8, np.uint16])
def test_another_type_is_refused_after_a_picture_of_the_same_size(kind: Any) -> None:
    spec = spec_of("NHWC", 24, 32, 3, "int8")
    preprocess, out = compiled(ImageRecipe(), "NHWC", spec), np.empty(spec.shape, np.int8)
    preprocess(picture(60, 90), "rgb", out)
    with pytest.raises(InputError, match="expected uint8"):
        preprocess(picture(60, 90).astype(kind), "rgb", out)
    with pytest.raises(InputError, match="color"):
        preprocess(picture(60, 90), "yuv", out)  # type: ignore[arg-type]


def test_the_picture_is_left_as_it_was_and_may_be_read_only() -> None:
    pixels = picture(24, 32)
    before = pixels.copy()
    pixels.setflags(write=False)
    spec = spec_of("NHWC", 24, 32, 3, "int8")
    compiled(ImageRecipe(color="bgr"), "NHWC", spec)(pixels, "rgb", np.empty(spec.shape, np.int8))
    assert np.array_equal(pixels, before)


def test_a_cut_out_or_mirrored_view_is_a_picture_too() -> None:
    spec = spec_of("NHWC", 24, 32, 3, "int8")
    recipe = ImageRecipe()
    whole = picture(60, 90)
    out = np.empty(spec.shape, np.int8)
    for view in (whole[5:50, 7:80], whole[:, ::-1], whole[:, :, ::-1]):
        compiled(recipe, "NHWC", spec)(view, "rgb", out)
        assert np.array_equal(out, naive(view.copy(), "rgb", recipe, "NHWC", spec))


def test_grey_may_come_with_a_channel_axis() -> None:
    spec = spec_of("NCHW", 24, 32, 1, "float32")
    preprocess = compiled(ImageRecipe(color="gray"), "NCHW", spec)
    flat, deep = np.empty(spec.shape, np.float32), np.empty(spec.shape, np.float32)
    preprocess(picture(50, 50, "gray"), "gray", flat)
    preprocess(picture(50, 50, "gray")[:, :, None], "gray", deep)
    assert np.array_equal(flat, deep)


def test_steady_state_allocates_nothing_the_size_of_a_tensor() -> None:
    spec = spec_of("NHWC", 320, 320, 3, "int8")
    preprocess = compiled(ImageRecipe(resize="letterbox", **IMAGENET), "NHWC", spec)
    pixels, out = picture(720, 1280), np.empty(spec.shape, np.int8)
    preprocess(pixels, "bgr", out)
    tracemalloc.start()
    preprocess(pixels, "bgr", out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8192  # the smallest array in play, the resized picture, has 172,800 bytes


def test_letterbox_tells_how_to_get_back_to_the_picture() -> None:
    preprocess = compiled(ImageRecipe(resize="letterbox"), "NHWC", spec_of("NHWC", 320, 320, 3, "int8"))
    assert preprocess.letterbox((720, 1280, 3)) == (0.25, 0, 70)


def test_letterbox_of_another_resize_is_an_error() -> None:
    preprocess = compiled(ImageRecipe(), "NHWC", spec_of("NHWC", 32, 32, 3, "int8"))
    with pytest.raises(InputError, match='resize "letterbox", found "stretch"'):
        preprocess.letterbox((720, 1280, 3))


@pytest.mark.parametrize(
    ("pixels", "color", "message"),
    [
        (np.zeros((4, 4), np.uint8), "rgb", r"expected uint8\[height, width, 3\], found uint8\[4, 4\]"),
        (np.zeros((4, 4, 4), np.uint8), "bgr", r"found uint8\[4, 4, 4\]"),
        (np.zeros((4, 4, 3), np.uint8), "gray", r"a gray picture: expected uint8\[height, width\]"),
        (np.zeros((4, 4, 3), np.float32), "rgb", r"found float32\[4, 4, 3\].*the card normalises"),
        (np.zeros((0, 4, 3), np.uint8), "rgb", r"found uint8\[0, 4, 3\]"),
        (np.zeros((4, 4, 3), np.uint8), "rgba", r"color: expected one of rgb, bgr, gray; found 'rgba'"),
    ],
)
def test_what_is_no_picture_is_refused(pixels: npt.NDArray[Any], color: Any, message: str) -> None:
    spec = spec_of("NHWC", 8, 8, 3, "int8")
    with pytest.raises(InputError, match=message):
        compiled(ImageRecipe(), "NHWC", spec)(pixels, color, np.empty(spec.shape, np.int8))


@pytest.mark.parametrize(
    "out",
    [
        np.empty((1, 8, 9, 3), np.int8),
        np.empty((1, 8, 8, 3), np.uint8),
        np.empty((1, 8, 16, 3), np.int8)[:, :, ::2],
    ],
)
def test_another_tensor_is_refused(out: npt.NDArray[Any]) -> None:
    preprocess = compiled(ImageRecipe(), "NHWC", spec_of("NHWC", 8, 8, 3, "int8"))
    with pytest.raises(InputError, match=r"out: expected a C-contiguous array int8\[1, 8, 8, 3\]"):
        preprocess(picture(8, 8), "rgb", out)


@pytest.mark.parametrize(
    ("recipe", "layout", "shape", "message"),
    [
        (ImageRecipe(), "", (1, 8, 8, 3), "expected layout NHWC or NCHW"),
        (ImageRecipe(), "NCHW", (1, 8, 8, 3), r"need a tensor \[1, 3, H, W\], found \[1, 8, 8, 3\]"),
        (ImageRecipe(color="gray"), "NHWC", (1, 8, 8, 3), r"\[1, H, W, 1\]"),
        (ImageRecipe(), "NHWC", (1, -1, -1, 3), r"found \[1, -1, -1, 3\]"),
        (ImageRecipe(resize="squash"), "NHWC", (1, 8, 8, 3), "image.resize: expected one of stretch"),  # type: ignore[arg-type]
        (ImageRecipe(interpolation="lanczos"), "NHWC", (1, 8, 8, 3), "found 'lanczos'"),  # type: ignore[arg-type]
        (ImageRecipe(pad_value=256), "NHWC", (1, 8, 8, 3), "pad_value: expected 0 to 255, found 256"),
        (ImageRecipe(resize_short=10**9), "NHWC", (1, 8, 8, 3), "resize_short: expected 0 to"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    recipe: ImageRecipe, layout: str, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(CardError, match=message):
        compiled(recipe, layout, TensorSpec("input", shape, "int8", 0.1, 0))


def test_a_card_without_a_picture_recipe_is_refused() -> None:
    with pytest.raises(CardError, match="expected a card with `image`"):
        compile_image(InputCard(), spec_of("NHWC", 8, 8, 3, "int8"))
