"""Where pictures come to lie in the tensor."""

from __future__ import annotations

import numpy as np
import pytest
from needs import package

from edgemm.card import ImageRecipe, InputCard
from edgemm.errors import InputError
from edgemm.preprocess import compile_image
from edgemm.preprocess.placement import place
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device


def test_letterbox_centres_a_wide_picture() -> None:
    at = place(ImageRecipe(resize="letterbox"), (1280, 720), (320, 320))
    assert (at.resized_wh, at.left, at.top) == ((320, 180), 0, 70)


def test_letterbox_puts_the_odd_row_at_the_bottom() -> None:
    at = place(ImageRecipe(resize="letterbox"), (100, 51), (100, 100))
    assert (at.top, 100 - at.top - at.resized_wh[1]) == (24, 25)


def test_a_very_thin_picture_keeps_one_pixel() -> None:
    assert place(ImageRecipe(resize="letterbox"), (10000, 1), (64, 64)).resized_wh == (64, 1)


@pytest.mark.parametrize(
    ("source_wh", "resized_wh", "left", "top"),
    [
        # torchvision 0.20: Resize(256) gives int(256 * long / short), CenterCrop(224) int(round(rest / 2)).
        ((500, 375), (341, 256), -58, -16),
        ((375, 500), (256, 341), -16, -58),
        ((640, 480), (341, 256), -58, -16),
        ((343, 256), (343, 256), -60, -16),
    ],
)
def test_center_crop_is_that_of_torchvision(
    source_wh: tuple[int, int], resized_wh: tuple[int, int], left: int, top: int
) -> None:
    at = place(ImageRecipe(resize="center-crop", resize_short=256), source_wh, (224, 224))
    assert (at.resized_wh, at.left, at.top) == (resized_wh, left, top)


def test_center_crop_without_a_short_side_just_covers_the_tensor() -> None:
    at = place(ImageRecipe(resize="center-crop"), (100, 400), (200, 100))
    assert (at.resized_wh, at.left, at.top) == ((200, 800), 0, -350)


def test_center_crop_covers_a_wide_tensor_from_a_tall_picture() -> None:
    at = place(ImageRecipe(resize="center-crop", resize_short=10), (7, 31), (200, 100))
    assert at.resized_wh[0] >= 200
    assert at.resized_wh[1] >= 100


def test_none_refuses_another_size_and_names_both() -> None:
    with pytest.raises(InputError, match=r"28x28.*found 32x28"):
        place(ImageRecipe(resize="none"), (32, 28), (28, 28))


def test_a_picture_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(InputError, match="Crop it first"):
        place(ImageRecipe(resize="center-crop", resize_short=4096), (1, 10000), (224, 224))


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "center-crop"])
def test_area_and_crop_have_the_same_size(resize: str) -> None:
    recipe = ImageRecipe(resize=resize, resize_short=70)  # type: ignore[arg-type]
    for source_wh in [(640, 480), (3, 500), (64, 64), (65, 63)]:
        at = place(recipe, source_wh, (64, 48))
        sizes = [tuple(part.stop - part.start for part in parts) for parts in (at.area, at.crop)]
        assert sizes[0] == sizes[1] == at.shown_wh[::-1]


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "center-crop"])
@pytest.mark.parametrize("source_wh", [(640, 480), (3, 500), (64, 48), (65, 63)])
def test_edges_of_the_resized_picture_are_edges_of_the_source(
    resize: str, source_wh: tuple[int, int]
) -> None:
    at = place(ImageRecipe(resize=resize, resize_short=70), source_wh, (64, 48))  # type: ignore[arg-type]
    edges = np.array([[at.left, at.top, 1], [at.left + at.resized_wh[0], at.top + at.resized_wh[1], 1]])
    np.testing.assert_allclose(edges @ at.to_source.T, [(0, 0), source_wh], atol=1e-9)


def test_a_picture_that_is_not_resized_keeps_its_places() -> None:
    at = place(ImageRecipe(resize="none"), (28, 30), (28, 30))
    np.testing.assert_array_equal(at.to_source, [[1, 0, 0], [0, 1, 0]])


def test_a_bright_spot_is_where_the_place_says() -> None:
    """A disc drawn in the source, and the centre of mass of what the tensor shows of it, within a quarter pixel."""
    opencv = package("cv2")
    pixels = np.zeros((360, 640, 3), np.uint8)
    opencv.circle(
        pixels, (260, 144), 24, (255, 255, 255), -1, opencv.LINE_AA
    )  # its centre is that of a pixel
    for resize in ("stretch", "letterbox", "center-crop"):
        recipe = ImageRecipe(resize=resize, pad_value=0, interpolation="area")
        spec = TensorSpec("input", (1, 96, 128, 3), "float32")
        prepare = compile_image(InputCard(layout="NHWC", image=recipe), spec)
        tensor = np.empty(spec.shape, np.float32)
        prepare(pixels, "rgb", tensor)
        y, x = np.mgrid[:96, :128] + 0.5
        weights = tensor[0, :, :, 0]
        center = np.array([(weights * x).sum(), (weights * y).sum(), weights.sum()]) / weights.sum()
        np.testing.assert_allclose(
            prepare.placement(pixels.shape).to_source @ center, (260.5, 144.5), atol=0.25
        )
