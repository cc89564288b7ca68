"""The 256-entry table."""

from __future__ import annotations

import numpy as np
import pytest

from edgemm.card import ImageRecipe
from edgemm.errors import CardError
from edgemm.preprocess.table import pixel_table
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device

INT8 = TensorSpec("x", (1, 4, 4, 3), "int8", scale=1 / 255, zero_point=-128)


def test_int8_of_zero_to_one_is_the_pixel_less_128() -> None:
    assert np.array_equal(pixel_table(ImageRecipe(), INT8, 3), np.arange(-128, 128))


def test_channels_that_differ_have_a_column_each() -> None:
    recipe = ImageRecipe(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    table = pixel_table(recipe, TensorSpec("x", (1, 4, 4, 3), "float32"), 3)
    assert table.shape == (256, 3)
    assert table[255] == pytest.approx([2.2489, 2.4286, 2.64], abs=1e-4)  # (1 - mean) / std


def test_equal_columns_are_one_table() -> None:
    assert pixel_table(ImageRecipe(mean=(0.5,) * 3, std=(0.5,) * 3), INT8, 3).shape == (256,)


def test_values_outside_the_range_saturate() -> None:
    table = pixel_table(ImageRecipe(scale=1.0), INT8, 3)
    assert (table[0], table[1], table[255]) == (-128, 127, 127)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (ImageRecipe(mean=(0.1, 0.2)), r"mean: expected 1 number or 3.*found 2"),
        (ImageRecipe(std=(0.0,)), r"std: expected numbers that are not 0"),
        (ImageRecipe(std=(1e-300,)), r"std: expected numbers that are not 0"),
        (ImageRecipe(mean=(float("nan"),)), r"mean: expected finite"),
        (ImageRecipe(scale=1e300), r"scale: expected finite"),
    ],
)
def test_a_card_that_makes_no_sense_is_refused(recipe: ImageRecipe, message: str) -> None:
    with pytest.raises(CardError, match=message):
        pixel_table(recipe, INT8, 3)


def test_another_type_of_tensor_is_refused() -> None:
    with pytest.raises(CardError, match=r"float32, int8, uint8; found int64"):
        pixel_table(ImageRecipe(), TensorSpec("x", (1, 4, 4, 3), "int64"), 3)


def test_raw_uint8_takes_pixels_as_they_are() -> None:
    table = pixel_table(ImageRecipe(scale=1.0), TensorSpec("x", (1, 4, 4, 3), "uint8"), 3)
    assert np.array_equal(table, np.arange(256))


def test_raw_uint8_does_not_lose_fractions_in_silence() -> None:
    with pytest.raises(CardError, match="without a quantization scale"):
        pixel_table(ImageRecipe(), TensorSpec("x", (1, 4, 4, 3), "uint8"), 3)
