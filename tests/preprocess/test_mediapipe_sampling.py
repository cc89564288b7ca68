"""Interpolation "mediapipe": bilinear from the picture's corner, borders that are no whole pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.card import ImageRecipe, InputCard
from edgemm.errors import CardError
from edgemm.preprocess import ImagePreprocessor, compile_image
from edgemm.preprocess.placement import place
from edgemm.tensors import TensorSpec

PAD = 40


def compiled(size_hw: tuple[int, int], resize: str, color: str = "rgb") -> ImagePreprocessor:
    recipe = ImageRecipe(color=color, resize=resize, interpolation="mediapipe", pad_value=PAD, scale=1.0)  # type: ignore[arg-type]
    shape = (1, *size_hw, 1 if color == "gray" else 3)
    return compile_image(InputCard(layout="NHWC", image=recipe), TensorSpec("input", shape, "uint8"))


def shown(pixels: npt.NDArray[np.uint8], size_hw: tuple[int, int], resize: str) -> npt.NDArray[np.uint8]:
    out = np.empty((1, *size_hw, 3), np.uint8)
    compiled(size_hw, resize)(pixels, "rgb", out)
    tensor: npt.NDArray[np.uint8] = out[0]
    return tensor


def picture(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


def defined(pixels: npt.NDArray[np.uint8], size_hw: tuple[int, int], resize: str) -> npt.NDArray[np.float64]:
    """In float64, places rounded to 1/32 of a pixel; outside of the picture lies PAD."""
    (height, width), (rows, columns) = pixels.shape[:2], size_hw
    steps = [height / rows, width / columns]
    if resize == "letterbox":
        steps = [max(steps)] * 2
    found = np.pad(pixels.astype(np.float64), ((1, 1), (1, 1), (0, 0)), constant_values=PAD)
    for axis, (size, length, step) in enumerate(zip(size_hw, (height, width), steps, strict=True)):
        begin = (length - size * step) / 2
        at = np.rint((np.arange(size) * step + begin) * 32) / 32
        low = np.floor(at).astype(int)
        share = (at - low).reshape(-1, *([1] * (2 - axis)))
        first, second = (np.clip(each, -1, length) + 1 for each in (low, low + 1))
        found = np.take(found, first, axis) * (1 - share) + np.take(found, second, axis) * share
    return found


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize("source_hw", [(355, 512), (600, 512), (33, 77), (9, 5), (720, 1280), (100, 101)])
@pytest.mark.parametrize("size_hw", [(128, 128), (48, 96)])
def test_pixels_are_those_of_the_definition(
    source_hw: tuple[int, int], size_hw: tuple[int, int], resize: str
) -> None:
    """Half a level of rounding, and weights of 15 bits."""
    pixels = picture(*source_hw)
    assert np.abs(shown(pixels, size_hw, resize) - defined(pixels, size_hw, resize)).max() <= 0.51


def test_whole_steps_are_nearest() -> None:
    """A 720p frame is shrunk tenfold: every tenth pixel, at the cost of "nearest"."""
    pixels = picture(720, 1280)
    tensor = shown(pixels, (128, 128), "letterbox")
    assert np.array_equal(tensor[28:100], pixels[::10, ::10])
    assert (tensor[:28] == PAD).all()
    assert (tensor[100:] == PAD).all()


@pytest.mark.parametrize("source_wh", [(512, 355), (1280, 720), (77, 33)])
def test_places_in_the_tensor_are_places_in_the_picture(source_wh: tuple[int, int]) -> None:
    """The middles are the same point, and the picture's longer side fills the tensor."""
    recipe = ImageRecipe(resize="letterbox", interpolation="mediapipe")
    at = place(recipe, source_wh, (128, 128))
    corners = at.to_source @ np.array([[0, 64, 128], [0, 64, 128], [1, 1, 1]])
    side = max(source_wh)
    middle = np.array(source_wh) / 2
    assert pytest.approx(np.array([middle - side / 2, middle, middle + side / 2])) == corners.T
    assert at.scale_xy == pytest.approx((128 / side, 128 / side))


def test_grey_from_colour() -> None:
    pixels = np.repeat(picture(35, 51)[:, :, :1], 3, axis=2)
    out = np.empty((1, 16, 16, 1), np.uint8)
    compiled((16, 16), "letterbox", "gray")(pixels, "rgb", out)
    assert np.abs(out[0, :, :, 0].astype(int) - shown(pixels, (16, 16), "letterbox")[:, :, 0]).max() <= 1


def test_sizes_may_change_between_pictures() -> None:
    preprocess, out = compiled((32, 32), "letterbox"), np.empty((1, 32, 32, 3), np.uint8)
    for source_hw in ((35, 51), (64, 64), (51, 35), (35, 51)):
        pixels = picture(*source_hw)
        preprocess(pixels, "rgb", out)
        assert np.array_equal(out[0], shown(pixels, (32, 32), "letterbox"))


def test_a_centre_crop_is_refused() -> None:
    with pytest.raises(CardError, match="does not fit"):
        compiled((32, 32), "center-crop")
