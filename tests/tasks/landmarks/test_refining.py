"""Points moved by heat maps beside them, against the definition written out in loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.card import ModelCard
from edgemm.errors import ArtifactError, CardError
from edgemm.results import Landmarks
from edgemm.tasks.context import Context
from edgemm.tasks.landmarks import LandmarksRecipe, LandmarksTask
from edgemm.tasks.landmarks.skeletons import SKELETONS
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
TENSOR_WH = (64, 32)
MAP_HW = (16, 20)
PLACED = Context(tensor_wh=TENSOR_WH, source_wh=TENSOR_WH)
Array = npt.NDArray[Any]


def read(
    points: Array,
    maps: Array,
    grid: tuple[float, int] | None = None,
    *,
    context: Context = PLACED,
    said: tuple[int, ...] = (),
    **fields: Any,
) -> Landmarks:
    """The result of points in pixels of the tensor, and of maps [1, H, W, K]; `said`: their shape in the file."""
    recipe = LandmarksRecipe(points="points", refine="maps", **fields)
    recipe.check()
    specs = [
        TensorSpec("points", (1, points.size), "float32"),
        TensorSpec("maps", said or maps.shape, str(maps.dtype), *(grid or ())),
    ]
    decoder = LandmarksTask().open(ModelCard(), recipe, specs)
    outputs = Outputs.of(specs, {"points": points.reshape(1, -1).astype(np.float32), "maps": maps})
    (found,) = decoder.decode(outputs, context, None)
    return found


def by_hand(points: Array, maps: Array, cells: int, least: float) -> list[tuple[float, float]]:
    """In loops over the cells, with Python's own numbers."""
    height, width = maps.shape[1:3]
    found = []
    for at, (x, y) in enumerate(points.tolist()):
        column, row = int(x / TENSOR_WH[0] * width), int(y / TENSOR_WH[1] * height)
        total, mean_x, mean_y, highest = 0.0, 0.0, 0.0, 0.0
        if 0 <= column < width and 0 <= row < height:
            for r in range(max(0, row - cells // 2), min(height, row + cells // 2 + 1)):
                for c in range(max(0, column - cells // 2), min(width, column + cells // 2 + 1)):
                    value = 1 / (1 + math.exp(-float(maps[0, r, c, at])))
                    total, highest = total + value, max(highest, value)
                    mean_x, mean_y = mean_x + c * value, mean_y + r * value
        if total > 0 and highest >= least:
            x, y = mean_x / total / width * TENSOR_WH[0], mean_y / total / height * TENSOR_WH[1]
        found.append((x, y))
    return found


@pytest.mark.parametrize("cells", [1, 3, 7, 9, 41])
@pytest.mark.parametrize("least", [0.0, 0.5, 0.9])
def test_points_move_to_the_middle_of_what_is_around_them(cells: int, least: float) -> None:
    """Some of them outside of the maps, at their edges, or where the maps are unsure."""
    rng = np.random.default_rng(cells)
    points = rng.uniform(-6, 70, (30, 2))
    maps = rng.normal(-1, 2, (1, *MAP_HW, 30)).astype(np.float32)
    maps[..., ::3] -= 6
    found = read(points, maps, refine_cells=cells, refine_least=least)
    assert found.points_xy == pytest.approx(np.array(by_hand(points, maps, cells, least)), abs=1e-3)
    moved = np.abs(found.points_xy - points).max(axis=1) > 0.01
    assert moved.any() or least == 0.9


def test_a_sharp_map_pulls_a_point_to_its_cell() -> None:
    maps = np.full((1, *MAP_HW, 1), -20, np.float32)
    maps[0, 5, 8, 0] = 20
    found = read(np.array([[30.0, 12.0]]), maps)
    assert found.points_xy[0] == pytest.approx([8 / 20 * 64, 5 / 16 * 32], abs=1e-4)


def test_quantized_maps_are_read_as_numbers() -> None:
    rng = np.random.default_rng(3)
    stored = rng.integers(-128, 128, (1, *MAP_HW, 4)).astype(np.int8)
    points = rng.uniform(4, 28, (4, 2))
    real = ((stored.astype(np.float64) - 10) * 0.05).astype(np.float32)
    found = read(points, stored, (0.05, 10))
    assert found.points_xy == pytest.approx(np.array(by_hand(points, real, 7, 0.5)), abs=1e-3)


def test_nan_in_a_map_moves_nothing() -> None:
    maps = np.full((1, *MAP_HW, 1), np.nan, np.float32)
    assert read(np.array([[30.0, 12.0]]), maps).points_xy[0] == pytest.approx([30, 12])


def test_a_point_that_is_nan_is_still_refused() -> None:
    with pytest.raises(ArtifactError, match="NaN"):
        read(np.array([[np.nan, 12.0]]), np.zeros((1, *MAP_HW, 1), np.float32))


def test_points_stay_where_the_input_was_no_picture() -> None:
    maps = np.full((1, *MAP_HW, 1), 20, np.float32)
    points = np.array([[30.0, 12.0]])
    assert read(points, maps, context=Context()).points_xy == pytest.approx(points)


def test_maps_of_another_shape_than_the_file_says_are_refused() -> None:
    with pytest.raises(ArtifactError, match=r"expected the shape \[1, 16, 20, 2\], found \[1, 16, 20, 1\]"):
        read(np.zeros((2, 2)), np.zeros((1, 16, 20, 1), np.float32), said=(1, 16, 20, 2))


def test_the_maps_are_not_taken_for_the_points() -> None:
    """Of a file that lists them first, by a card that does not name the points."""
    specs = [TensorSpec("maps", (1, 4, 4, 2), "float32"), TensorSpec("points", (1, 4), "float32")]
    stored = {"maps": np.full((1, 4, 4, 2), -9, np.float32), "points": np.array([[1, 2, 3, 4]], np.float32)}
    decoder = LandmarksTask().open(ModelCard(), LandmarksRecipe(refine="maps"), specs)
    (found,) = decoder.decode(Outputs.of(specs, stored), PLACED, None)
    assert found.points_xy.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("shape", [(1, 16, 20, 1), (1, 16, 20), (2, 16, 20, 2)])
def test_maps_that_are_too_few_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(CardError, match=r"landmarks\.refine"):
        read(np.zeros((2, 2)), np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"refine_cells": 4}, "odd number"),
        ({"refine": "maps", "form": "heat-maps"}, "read themselves"),
    ],
)
def test_a_recipe_that_means_nothing_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(CardError, match=said):
        LandmarksRecipe(**fields).check()


def test_the_skeleton_with_auxiliary_points_begins_as_the_one_without() -> None:
    """And names the points that the next crop is made of."""
    whole, body = SKELETONS["mediapipe_pose39"], SKELETONS["mediapipe_pose33"]
    assert (whole.names[:33], whole.edges) == (body.names, body.edges)
    assert whole.names[33:35] == ("body_center", "body_circle")
    assert len(set(whole.names)) == whole.count == 39
