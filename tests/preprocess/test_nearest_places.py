"""With "nearest", OpenCV shows the pixel at floor(x * step), not the one under a pixel's centre: places go back there.

The pictures are made so that each pixel's level says where it is, or with things at places that are known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

from edgemm.card import ImageRecipe, InputCard
from edgemm.preprocess import compile_image
from edgemm.preprocess.image import ImagePreprocessor
from edgemm.tasks.context import Context
from edgemm.tasks.segmentation.nearest import nearest
from edgemm.tasks.segmentation.room import Room
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
package("cv2")
WH = 60, 48
"""Of the tensor."""


def shown(
    picture: npt.NDArray[np.uint8], resize: str, interpolation: str = "nearest"
) -> tuple[npt.NDArray[np.uint8], ImagePreprocessor]:
    """The tensor's bytes, and what made them."""
    recipe: Any = {"color": "gray", "scale": 1.0, "mean": (0.0,), "std": (1.0,), "pad_value": 0}
    spec = TensorSpec("x", (1, WH[1], WH[0], 1), "uint8", 1.0, 0)
    card = InputCard(
        layout="NHWC", image=ImageRecipe(**recipe, resize=resize, interpolation=interpolation)  # type: ignore[arg-type]
    )  # fmt: skip
    prepare = compile_image(card, spec)
    out = np.zeros(spec.shape, np.uint8)
    prepare(picture, "gray", out)
    return out[0, :, :, 0], prepare


SIZES = [(240, 192), (180, 96), (210, 240), (97, 131), (60, 48), (30, 24), (45, 17), (256, 256)]


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "center-crop"])
@pytest.mark.parametrize("source_wh", SIZES)
@pytest.mark.parametrize("axis", [0, 1])
def test_pixels_show_what_their_places_say(resize: str, source_wh: tuple[int, int], axis: int) -> None:
    """Over all columns (rows) that are shown, the pixel that a column shows lies where its middle is said to be."""
    number = np.arange(source_wh[axis], dtype=np.uint8)
    picture = np.broadcast_to(number if axis == 0 else number[:, None], source_wh[::-1]).copy()
    tensor, prepare = shown(picture, resize)
    rows, columns = prepare.placement(picture.shape).area
    part = tensor[rows, columns][0] if axis == 0 else tensor[rows, columns][:, 0]
    at = np.arange(len(part)) + (columns.start if axis == 0 else rows.start) + 0.5
    matrix = prepare.to_source
    said = at * matrix[axis, axis] + matrix[axis, 2]
    off = said - (part + 0.5)
    step = abs(matrix[axis, axis])
    assert abs(off.mean()) < (0.13 * step if resize == "center-crop" else 1e-6)  # a crop may cut a period
    assert abs(off).max() <= max(step, 1.0) / 2 + 1e-6


@pytest.mark.parametrize(("source_wh", "resize"), [((480, 384), "stretch"), ((720, 405), "letterbox")])
def test_boxes_points_and_masks_come_back_in_their_place(source_wh: tuple[int, int], resize: str) -> None:
    """Rectangles at random places: on average their edges, centres and masks come back without a shift."""
    rng = np.random.default_rng(4)
    width, height = source_wh
    edges, centres, masks = [], [], []
    for _ in range(400):
        left, top = rng.integers(0, width // 2), rng.integers(0, height // 2)
        right, bottom = left + rng.integers(60, width // 2), top + rng.integers(60, height // 2)
        picture = np.zeros((height, width), np.uint8)
        picture[top:bottom, left:right] = 255
        tensor, prepare = shown(picture, resize)
        context = Context(prepare.to_source, source_wh, WH)
        y, x = np.nonzero(tensor > 127)
        seen = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], np.float32)
        edges.append(context.boxes(seen)[0] - (left, top, right, bottom))
        middle = np.array([[x.mean() + 0.5, y.mean() + 0.5]], np.float32)
        centres.append(context.points(middle)[0] - ((left + right) / 2, (top + bottom) / 2))
        mask = nearest(context, WH[::-1], 0)((tensor > 127).astype(np.uint8), Room())
        down, across = np.nonzero(mask)
        masks.append((across.mean() + 0.5 - (left + right) / 2, down.mean() + 0.5 - (top + bottom) / 2))
    step = width / WH[0]
    for found in (edges, centres, masks):
        np.testing.assert_allclose(np.mean(found, axis=0), 0, atol=0.09 * step)


def test_mediapipes_own_way_back_stays() -> None:
    """Its graphs count back without that shift, and their answers are what is wanted."""
    _, prepare = shown(np.zeros((192, 240), np.uint8), "stretch", "mediapipe")
    np.testing.assert_array_equal(prepare.to_source, [[4, 0, 0], [0, 4, 0]])
