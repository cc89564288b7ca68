"""Where pictures come to lie in the tensor."""

from __future__ import annotations

import pytest

from edgemm.card import ImageRecipe
from edgemm.errors import InputError
from edgemm.preprocess.placement import place

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
