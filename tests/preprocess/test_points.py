"""Points to tensors: relative to a point or to the oldest item, divided, of one item or of several."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.card import InputCard, PointsRecipe
from edgemm.errors import CardError, InputError
from edgemm.preprocess import PointsWindow, compile_points
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
WRIST = PointsRecipe()
TRAIL = PointsRecipe(points=(1,), history=3, origin="first", divide_by="picture")


def compiled(
    recipe: PointsRecipe, *shape: int, dtype: str = "float32", grid: tuple[float, int] = (0.0, 0)
) -> PointsWindow:
    spec = TensorSpec("points", shape, dtype, *grid) if grid[0] else TensorSpec("points", shape, dtype)
    return compile_points(InputCard("points", "points", points=recipe), spec)


def written(window: PointsWindow, count: int, dtype: type[Any] = np.float32) -> list[float]:
    out = np.full((1, count), 99, dtype)
    window.write(out)
    return [float(each) for each in out[0]]


def points(*xy: float) -> npt.NDArray[np.float32]:
    return np.array(xy, np.float32).reshape(-1, 2)


def test_points_are_relative_to_one_and_divided_by_the_largest() -> None:
    window = compiled(WRIST, 1, 6)
    assert window.push(points(100, 50, 110, 50, 100, 10), (640, 480))
    assert written(window, 6) == [0, 0, 0.25, 0, 0, -1]


def test_the_origin_may_be_another_point_and_points_may_be_chosen_in_any_order() -> None:
    window = compiled(PointsRecipe(points=(2, 0), origin_point=1, divide_by="none"), 1, 4)
    assert window.push(points(1, 2, 10, 20, 300, 400), (0, 0))
    assert written(window, 4) == [290, 380, -9, -18]


def test_all_in_one_place_is_zero_and_not_nan() -> None:
    window = compiled(WRIST, 1, 4)
    window.push(points(7, 7, 7, 7), (0, 0))
    assert written(window, 4) == [0, 0, 0, 0]


def test_nothing_subtracted_and_nothing_divided_is_pixels() -> None:
    window = compiled(PointsRecipe(origin="none", divide_by="none"), 1, 2, 2)
    window.push(points(3, 4, 5, 6), (0, 0))
    out = np.zeros((1, 2, 2), np.float32)
    window.write(out)
    assert out.ravel().tolist() == [3, 4, 5, 6]


def test_a_trail_is_complete_after_so_many_items_and_then_moves_on() -> None:
    window = compiled(TRAIL, 1, 6)
    steps = [points(0, 0, 10 * at, 20 * at) for at in range(4)]
    assert [window.push(each, (100, 200)) for each in steps] == [False, False, True, True]
    assert written(window, 6) == pytest.approx([0, 0, 0.1, 0.1, 0.2, 0.2])  # the second to the fourth
    window.push(points(0, 0, 30, 0), (100, 200))
    assert written(window, 6) == pytest.approx([0, 0, 0.1, 0.1, 0.1, -0.2])


def test_each_item_of_a_trail_may_be_relative_to_a_point_of_its_own() -> None:
    window = compiled(PointsRecipe(points=(1,), history=2, divide_by="none"), 1, 4)
    window.push(points(1, 1, 5, 7), (0, 0))
    window.push(points(2, 2, 5, 7), (0, 0))
    assert written(window, 4) == [4, 6, 3, 5]


@pytest.mark.parametrize("how", ["nothing found", "another size", "reset"])
def test_a_trail_begins_anew(how: str) -> None:
    window = compiled(TRAIL, 1, 6)
    step = points(0, 0, 1, 1)
    for _ in range(3):
        window.push(step, (100, 200))
    size = (100, 200)
    if how == "nothing found":
        assert not window.push(points(), size)
    elif how == "another size":
        size = (200, 100)
    else:
        window.reset()
    assert [window.push(step, size) for _ in range(3)] == [False, False, True]


def test_a_size_that_is_not_needed_may_change() -> None:
    window = compiled(PointsRecipe(history=2), 1, 4)
    window.push(points(1, 1), (100, 200))
    assert window.push(points(1, 2), (200, 100))


def test_a_quantized_tensor_has_the_nearest_steps() -> None:
    window = compiled(WRIST, 1, 4, dtype="int8", grid=(1 / 128, 3))
    window.push(points(0, 0, -4, 2), (0, 0))
    assert written(window, 4, np.int8) == [3, 3, -125, 67]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (points(1, 2, 3, 4), "expected 3 points, found 2"),
        (np.zeros((3, 3), np.float32), r"expected points float\[k, 2\], found float32\[3, 3\]"),
        (np.zeros(6, np.float32), r"found float32\[6\]"),
        (points(1, 2, np.nan, 4, 5, 6), "found NaN or infinity"),
    ],
)
def test_other_points_are_refused(given: npt.NDArray[Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        compiled(WRIST, 1, 6).push(given, (1, 1))


def test_too_few_points_for_the_chosen_ones_are_refused() -> None:
    with pytest.raises(InputError, match="expected 9 points or more, found 8"):
        compiled(PointsRecipe(points=(8, 0)), 1, 4).push(np.zeros((8, 2)), (1, 1))


def test_the_size_of_the_picture_is_asked_for() -> None:
    with pytest.raises(InputError, match="source_wh"):
        compiled(TRAIL, 1, 6).push(points(0, 0, 1, 1), (0, 0))


@pytest.mark.parametrize(
    ("recipe", "shape", "said"),
    [
        (WRIST, (1, 7), "a multiple of 2 numbers"),
        (PointsRecipe(history=4), (1, 12), "a multiple of 8 numbers"),
        (TRAIL, (1, 8), "expected 6 numbers"),
        (WRIST, (1, -1), "a multiple of 2 numbers"),
        (WRIST, (-1, 6), "a multiple of 2 numbers"),
        (WRIST, (1, 0), "a multiple of 2 numbers"),
    ],
)
def test_a_recipe_that_does_not_fit_the_tensor_is_refused(
    recipe: PointsRecipe, shape: tuple[int, ...], said: str
) -> None:
    with pytest.raises(CardError, match=said):
        compiled(recipe, *shape)


def test_a_tensor_of_whole_numbers_is_refused() -> None:
    with pytest.raises(CardError, match="real numbers"):
        compiled(WRIST, 1, 4, dtype="int32")


def test_a_card_without_a_recipe_is_refused() -> None:
    with pytest.raises(CardError, match="found none"):
        compile_points(InputCard("points"), TensorSpec("points", (1, 4), "float32"))
