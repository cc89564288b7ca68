"""Landmarks from heat maps: the place of the peak between cells, in the source."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.card import ModelCard
from edgemm.errors import ArtifactError
from edgemm.preprocess.view import View
from edgemm.results import Landmarks
from edgemm.tasks.context import NOWHERE, Context
from edgemm.tasks.landmarks import LandmarksRecipe, LandmarksTask
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
Array = npt.NDArray[Any]
METHODS = ("parabola", "quarter", "centroid", "cell")


def read(
    maps: Array,
    context: Context = NOWHERE,
    *,
    scale: float = 0.0,
    zero_point: int = 0,
    shape: tuple[int, ...] | None = None,
    **fields: Any,
) -> Landmarks:
    """The result of one output of heat maps."""
    recipe = LandmarksRecipe(form="heat-maps", **{"threshold": 0.0, **fields})
    recipe.check()
    spec = TensorSpec("maps", shape or maps.shape, str(maps.dtype), scale, zero_point)
    decoder = LandmarksTask().open(ModelCard(), recipe, [spec])
    (result,) = decoder.decode(Outputs.of([spec], {"maps": maps}), context, decoder.begin())
    assert isinstance(result, Landmarks)
    return result


def blobs(points: Array, hw: tuple[int, int], sigma: float = 1.5) -> Array:
    """float32[1, k, h, w]: Gaussians around points in cells, continuous."""
    y, x = (np.arange(size) + 0.5 for size in hw)
    gaps = (x[None, None] - points[:, 0, None, None]) ** 2 + (
        y[None, :, None] - points[:, 1, None, None]
    ) ** 2
    return np.exp(-gaps / (2 * sigma**2)).astype(np.float32)[None]


def scattered(count: int = 40) -> Array:
    return np.random.default_rng(8).uniform((3, 3), (45, 61), (count, 2))


@pytest.mark.parametrize(
    ("method", "most"),
    [("parabola", 0.06), ("quarter", 0.26), ("centroid", 0.4), ("cell", 0.51)],
)
def test_how_close_each_method_comes_to_a_gaussian(method: str, most: float) -> None:
    """By construction: a cell is off by up to 0.5, a quarter by 0.25, a parabola through a Gaussian by little."""
    points = scattered()
    found = read(blobs(points, (64, 48)), peak=method).points_xy
    assert 0 < np.abs(found - points).max() < most


@pytest.mark.parametrize("method", METHODS)
def test_a_peak_in_the_middle_of_a_cell_stays_there(method: str) -> None:
    points = np.array([[5.5, 7.5], [20.5, 3.5]])
    np.testing.assert_allclose(read(blobs(points, (16, 32)), peak=method).points_xy, points, atol=1e-5)


def test_a_quarter_of_a_cell_towards_the_higher_neighbour() -> None:
    maps = np.zeros((1, 1, 5, 6), np.float32)
    maps[0, 0, 2, 3], maps[0, 0, 2, 4], maps[0, 0, 1, 3] = 1.0, 0.2, 0.1
    assert read(maps, peak="quarter", layout="NCHW").points_xy.tolist() == [[3.75, 2.25]]


def test_the_top_of_a_parabola() -> None:
    """-(x - 2.8)^2 over whole x is highest at 3; its top is at 2.8."""
    x, y = np.meshgrid(np.arange(7.0), np.arange(5.0))
    maps = (-((x - 2.8) ** 2) - 3 * (y - 2.3) ** 2).astype(np.float32)[None, None]
    found = read(maps, peak="parabola", layout="NCHW", offset=0.0, scores="logits")
    np.testing.assert_allclose(found.points_xy, [[2.8, 2.3]], atol=1e-5)


def test_the_centre_of_mass() -> None:
    maps = np.zeros((1, 1, 5, 5), np.float32)
    maps[0, 0, 2, 2], maps[0, 0, 2, 3], maps[0, 0, 3, 2] = 0.6, 0.3, 0.1
    maps[0, 0, 1, 1] = -5.0  # counts as nothing
    found = read(maps, peak="centroid", layout="NCHW")
    np.testing.assert_allclose(found.points_xy, [[2.8, 2.6]], atol=1e-6)


def test_the_centre_of_mass_of_logits_is_that_of_their_sigmoid() -> None:
    maps = np.full((1, 1, 5, 5), -50.0, np.float32)
    maps[0, 0, 2, 2], maps[0, 0, 2, 3] = np.log(0.6 / 0.4), np.log(0.3 / 0.7)
    found = read(maps, peak="centroid", layout="NCHW", scores="logits")
    np.testing.assert_allclose(found.points_xy, [[2.5 + 0.3 / 0.9, 2.5]], atol=1e-5)
    assert found.scores[0] == pytest.approx(0.6, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("at", [(0, 0), (0, 5), (4, 0), (4, 5)])
def test_a_peak_in_a_corner_stays_in_its_cell(method: str, at: tuple[int, int]) -> None:
    maps = np.zeros((1, 1, 5, 6), np.float32)
    maps[(0, 0, *at)] = 1.0
    maps[0, 0, 2, 2] = 0.5
    assert read(maps, peak=method, layout="NCHW").points_xy.tolist() == [[at[1] + 0.5, at[0] + 0.5]]


@pytest.mark.parametrize("method", METHODS)
def test_a_map_of_one_value_gives_a_point_with_its_score(method: str) -> None:
    found = read(np.full((1, 2, 4, 5), 0.25, np.float32), peak=method, layout="NCHW")
    assert np.isfinite(found.points_xy).all()
    assert found.scores.tolist() == [0.25, 0.25]


@pytest.mark.parametrize("method", METHODS)
def test_maps_of_one_row_and_one_cell(method: str) -> None:
    assert (
        read(np.array([[[[0.1, 0.9, 0.1]]]], np.float32), peak=method, layout="NCHW").points_xy[0, 1] == 0.5
    )
    assert read(np.ones((1, 1, 1, 1), np.float32), peak=method, layout="NCHW").points_xy.tolist() == [
        [0.5, 0.5]
    ]


@pytest.mark.parametrize("method", METHODS)
def test_two_equal_cells_share_the_peak_or_the_first_has_it(method: str) -> None:
    maps = np.zeros((1, 1, 5, 6), np.uint8)
    maps[0, 0, 2, 2] = maps[0, 0, 2, 3] = 200
    expected = {"parabola": 3.0, "quarter": 2.75, "centroid": 3.0, "cell": 2.5}[method]
    found = read(maps, peak=method, layout="NCHW", scale=1 / 255)
    np.testing.assert_allclose(found.points_xy, [[expected, 2.5]], atol=1e-6)
    assert found.scores[0] == pytest.approx(200 / 255, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_minus_infinity_around_a_peak_is_no_error(method: str) -> None:
    maps = np.full((1, 1, 5, 6), -np.inf, np.float32)
    maps[0, 0, 2, 2], maps[0, 0, 2, 3] = 1.0, 0.5
    found = read(maps, peak=method, layout="NCHW", scores="logits").points_xy
    assert np.abs(found - [[2.5, 2.5]]).max() <= 0.5


def test_the_offset_says_where_a_value_stands_in_its_cell() -> None:
    maps = blobs(np.array([[5.5, 7.5]]), (16, 16))
    assert read(maps, peak="cell", offset=0.0, layout="NCHW").points_xy.tolist() == [[5, 7]]


@pytest.mark.parametrize("method", METHODS)
def test_both_layouts_and_int8_give_the_same_points(method: str) -> None:
    maps = blobs(scattered(17), (64, 48))
    last = np.ascontiguousarray(maps.transpose(0, 2, 3, 1))
    first = read(maps, peak=method, count=17)
    np.testing.assert_array_equal(read(last, peak=method, count=17).points_xy, first.points_xy)
    stored = np.round(maps * 255 - 128).astype(np.int8)
    rounded = read(stored, peak=method, scale=1 / 255, zero_point=-128)
    assert np.abs(rounded.points_xy - first.points_xy).max() < (0.51 if method == "quarter" else 0.02)


def test_the_skeleton_tells_the_layout() -> None:
    maps = np.zeros((1, 20, 18, 17), np.float32)
    maps[0, 4, 3, :] = 1
    found = read(maps, skeleton="coco17")
    assert found.points_xy.tolist() == [[3.5, 4.5]] * 17
    maps = np.zeros((1, 17, 18, 5), np.float32)
    maps[0, :, 4, 3] = 1
    assert read(maps, skeleton="coco17").points_xy.tolist() == [[3.5, 4.5]] * 17


def test_cells_become_pixels_of_the_tensor_and_then_of_the_source() -> None:
    """48 x 64 cells of a tensor of 192 x 256, which shows a view turned by a quarter."""
    points = scattered()
    view = View.around((300.0, 200.0), (192.0, 256.0), (192, 256), angle=np.pi / 2)
    context = Context(view.to_source, (640, 480), (192, 256))
    found = read(blobs(points, (64, 48)), context).points_xy
    x, y = (points * 4 - (96, 128)).T
    np.testing.assert_allclose(found, np.stack([300 - y, 200 + x], axis=1), atol=0.25)


def test_only_some_maps_are_kept() -> None:
    points = scattered(6)
    found = read(blobs(points, (64, 48)), count=4, layout="NCHW", names=tuple("abcd"))
    assert np.abs(found.points_xy - points[:4]).max() < 0.1


def test_the_mean_of_the_peaks_is_the_score() -> None:
    maps = np.zeros((1, 2, 4, 4), np.float32)
    maps[0, 0, 1, 1], maps[0, 1, 1, 1] = 0.9, 0.3
    found = read(maps, layout="NCHW")
    assert found.scores.tolist() == [np.float32(0.9), np.float32(0.3)]
    assert found.score == pytest.approx(0.6)
    assert read(maps, layout="NCHW", threshold=0.61).points_xy.shape == (0, 2)


@pytest.mark.parametrize("at", [(0, 0), (2, 3), (3, 4)])
def test_nan_is_an_error_and_never_a_point(at: tuple[int, int]) -> None:
    maps = np.ones((1, 2, 4, 5), np.float32)
    maps[(0, 1, *at)] = np.nan
    with pytest.raises(ArtifactError, match=r"'maps'.*NaN in a heat map"):
        read(maps, layout="NCHW")


@pytest.mark.parametrize("method", METHODS)
def test_an_infinite_peak_of_probabilities_stays_in_its_cell(method: str) -> None:
    maps = np.zeros((1, 1, 4, 5), np.float32)
    maps[0, 0, 1, 2] = np.inf
    assert np.abs(read(maps, peak=method, layout="NCHW").points_xy - [[2.5, 1.5]]).max() <= 0.5


@pytest.mark.parametrize("found", [(1, 2, 4, 6), (2, 4, 5), (1, 3, 4, 5), (1, 2, 0, 5)])
def test_another_shape_than_the_file_says_is_an_error(found: tuple[int, ...]) -> None:
    with pytest.raises(ArtifactError, match=r"expected the shape \[1, 2, 4, 5\]"):
        read(np.zeros(found, np.float32), layout="NCHW", shape=(1, 2, 4, 5))


def test_two_pictures_in_one_output_are_an_error() -> None:
    with pytest.raises(ArtifactError, match="found"):
        read(np.zeros((2, 2, 4, 5), np.float32), layout="NCHW", shape=(-1, 2, 4, 5))


def test_the_flag_is_not_taken_for_a_map() -> None:
    specs = [TensorSpec("flag", (1, 1, 1, 1), "float32"), TensorSpec("maps", (1, 3, 8, 8), "float32")]
    stored = {"flag": np.ones((1, 1, 1, 1), np.float32), "maps": np.zeros((1, 3, 8, 8), np.float32)}
    recipe = LandmarksRecipe(form="heat-maps", presence="flag")
    decoder = LandmarksTask().open(ModelCard(), recipe, specs)
    assert len(decoder.whole([Outputs.of(specs, stored)], NOWHERE, 0.0).points_xy) == 3


def test_a_size_that_is_found_out_while_running_is_read() -> None:
    points = scattered(5)
    found = read(blobs(points, (64, 48)), shape=(1, 5, -1, -1))
    assert np.abs(found.points_xy - points).max() < 0.1
