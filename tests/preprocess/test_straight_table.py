"""Tables that are computed instead of looked up: the same numbers, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

from edgemm.card import ImageRecipe
from edgemm.opencv import opencv
from edgemm.preprocess import table as room
from edgemm.preprocess.straight_table import StraightTable, straight
from edgemm.preprocess.table import TableWriter, pixel_table
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
FLOAT = TensorSpec("x", (1, 8, 8, 3), "float32")
USUAL = {
    "-1 to 1": ImageRecipe(mean=(0.5,), std=(0.5,)),
    "0 to 1": ImageRecipe(),
    "0 to 255": ImageRecipe(scale=1.0),
    "less 127, of 128": ImageRecipe(scale=1.0, mean=(127.0,), std=(128.0,)),
    "downwards": ImageRecipe(std=(-1.0,)),
}
PIXELS = np.arange(256, dtype=np.uint8).reshape(16, 16)


def written(line: StraightTable, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    out = np.full(pixels.shape, np.nan, np.float32)
    line.write(pixels, out)
    return out


@pytest.mark.parametrize("name", USUAL)
def test_usual_recipes_are_straight_and_give_each_number(name: str) -> None:
    table = pixel_table(USUAL[name], FLOAT, 3)
    line = straight(table)
    assert line is not None
    assert written(line, PIXELS).tobytes() == table[PIXELS].tobytes()
    assert written(line, PIXELS[::-2, ::3]).tobytes() == table[PIXELS[::-2, ::3]].tobytes()


@pytest.mark.parametrize("seed", range(200))
def test_no_recipe_is_computed_that_differs_in_a_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    recipe = ImageRecipe(
        scale=float(rng.choice([1.0, 1 / 255, rng.uniform(-2, 2)])),
        mean=(float(rng.choice([0.0, 0.5, rng.normal(0, 100)])),),
        std=(float(rng.choice([1.0, 0.25, rng.uniform(0.01, 300)])),),
    )
    table = pixel_table(recipe, FLOAT, 3)
    line = straight(table)
    assert line is None or written(line, PIXELS).tobytes() == table[PIXELS].tobytes()


def test_a_table_with_one_other_number_is_no_line() -> None:
    table = pixel_table(ImageRecipe(), FLOAT, 3)
    for at in (1, 100, 255):
        bent = table.copy()
        bent[at] = np.nextafter(bent[at], np.float32(2))
        assert straight(bent) is None


def test_integers_are_looked_up() -> None:
    assert straight(np.arange(256, dtype=np.uint8)) is None
    assert straight(np.arange(-128, 128).astype(np.int8)) is None


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("largest", [3 * 64, 3 * 64 - 1, 63])
def test_large_tensors_are_looked_up_and_hold_the_same(
    planar: bool, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs(opencv)
    monkeypatch.setattr(room, "LARGEST_STRAIGHT", largest)
    table = pixel_table(USUAL["-1 to 1"], FLOAT, 3)
    writer = TableWriter(table, 3, planar=planar)
    lines: list[int] = []

    def write(self: StraightTable, picture: npt.NDArray[np.uint8], target: npt.NDArray[Any]) -> None:
        lines.append(target.size)
        np.copyto(target, table[picture])

    monkeypatch.setattr(StraightTable, "write", write)
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    out = np.zeros((3, 8, 8) if planar else (8, 8, 3), np.float32)
    writer.write(picture, writer.scratch(8, 8), out.transpose(1, 2, 0) if planar else out, flip=False)
    assert np.array_equal(out.transpose(1, 2, 0) if planar else out, table[picture])
    size, times = (64, 3) if planar else (192, 1)
    assert lines == ([size] * times if size <= largest else [])
