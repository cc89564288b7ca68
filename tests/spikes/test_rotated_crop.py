"""A rotated crop to landmarks and back: known points of a drawn picture come back to where they were drawn.

Discs of different grey are drawn in a picture, seen through a rotated and scaled view, found in the tensor by a network
that is exact by construction (the centre of mass of each grey), decoded, and must lie in the source where they were
drawn, to 0.1 pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

from edgemm.card import ModelCard
from edgemm.preprocess.view import View
from edgemm.results import Landmarks
from edgemm.tasks.context import Context
from edgemm.tasks.landmarks import LandmarksRecipe, LandmarksTask
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

cv2 = package("cv2")
pytestmark = pytest.mark.device

WIDTH, HEIGHT = 640, 360
TENSOR_WH = (192, 160)
RADIUS = 7.0
EXACT = 0.1
"""Pixels of the source."""
SPEC = TensorSpec("points", (1, 12), "float32")
RECIPE = LandmarksRecipe(values=("x", "y", "score"), threshold=0.0)


def drawn(points: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """uint8[h, w, 4]: a channel for each point, with a disc whose edge is smooth, at any place between pixels."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    distance = np.hypot(x[..., None] - points[:, 0], y[..., None] - points[:, 1])
    return np.asarray(np.round(255 * np.clip((RADIUS + 2 - distance) / 4, 0, 1)), np.uint8)


def network(tensor: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """float32[1, 12]: x, y in pixels of the tensor and a score for each channel: its centre of mass."""
    y, x = np.mgrid[: tensor.shape[0], : tensor.shape[1]] + 0.5
    weights = tensor.astype(np.float64)
    total = weights.sum(axis=(0, 1))
    found = [(weights * at[..., None]).sum(axis=(0, 1)) / np.maximum(total, 1e-9) for at in (x, y)]
    return np.stack([*found, total > 0], axis=1).astype(np.float32).reshape(1, -1)


def points_back(pixels: npt.NDArray[np.uint8], view: View) -> Landmarks:
    """What the task gives for one view of a picture."""
    decoder = LandmarksTask().open(ModelCard(), RECIPE, [SPEC])
    outputs = Outputs.of([SPEC], {"points": network(view.sample(pixels))})
    context = Context(view.to_source, (WIDTH, HEIGHT), view.tensor_wh)
    (result,) = decoder.decode(outputs, context, decoder.begin())
    return result


def within(view: View, points: npt.NDArray[np.float64]) -> bool:
    """The discs lie in the view and in the picture, with their edges."""
    reach = RADIUS + 4
    if (points < reach).any() or (points > np.array([WIDTH, HEIGHT]) - reach).any():
        return False
    around = points[:, None] + reach * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    matrix: Any = view.to_tensor
    places = around @ matrix[:, :2].T + matrix[:, 2]
    return bool((places > 1).all() and (places < np.array(view.tensor_wh) - 1).all())


def placed(
    center: tuple[float, float], scale: float, angle: float, seed: int
) -> tuple[View, npt.NDArray[np.float64]]:
    """A view, and four points that lie in it and in the picture."""
    size = TENSOR_WH[0] * scale, TENSOR_WH[1] * scale
    view = View.around(center, size, TENSOR_WH, angle=angle)
    rng = np.random.default_rng(seed)
    while True:
        inside = rng.uniform(0, 1, (4, 2)) * TENSOR_WH
        points = inside @ view.to_source[:, :2].T + view.to_source[:, 2]
        if within(view, points):
            return view, points


@pytest.mark.parametrize("degrees", [0, 1, 30, 45, 90, 137, 180, -77, 270])
@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7])
def test_points_come_back_from_every_angle_and_scale(degrees: int, scale: float) -> None:
    view, points = placed((311.3, 190.8), scale, np.radians(degrees), degrees + 400)
    found = points_back(drawn(points), view)
    assert np.abs(found.points_xy - points).max() < EXACT


@pytest.mark.parametrize("center", [(20.0, 30.0), (600.0, 340.0), (10.5, 300.25), (630.0, 5.0)])
@pytest.mark.parametrize("degrees", [0, 33, 200])
def test_points_come_back_from_views_that_reach_beyond_the_picture(
    center: tuple[float, float], degrees: int
) -> None:
    view, points = placed(center, 1.1, np.radians(degrees), degrees)
    found = points_back(drawn(points), view)
    assert np.abs(found.points_xy - points).max() < EXACT


def test_many_views_at_random() -> None:
    rng = np.random.default_rng(11)
    worst = 0.0
    for seed in range(12):
        center = (float(rng.uniform(100, 540)), float(rng.uniform(80, 280)))
        view, points = placed(center, float(rng.uniform(0.6, 2.0)), float(rng.uniform(-7, 7)), seed)
        worst = max(worst, float(np.abs(points_back(drawn(points), view).points_xy - points).max()))
    assert worst < EXACT


def test_half_a_pixel_would_be_seen() -> None:
    """The picture warped as OpenCV counts, without the care for centres of pixels, is off by half of a pixel."""
    view, points = placed((311.3, 190.8), 2.0, 0.0, 5)
    careless = cv2.warpAffine(
        drawn(points), view.to_source, TENSOR_WH, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    rows = network(careless).reshape(4, 3)
    found = rows[:, :2] @ view.to_source[:, :2].T + view.to_source[:, 2]
    assert np.abs(found - points).min() > 0.4
