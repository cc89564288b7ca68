"""Real landmark networks on crops of photographs, decoded as by hand: within half a pixel of the source."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package
from real_networks import Network, Pictures, find

from edgemm.card import ImageRecipe
from edgemm.preprocess.view import View
from edgemm.tasks.landmarks import LandmarksRecipe, LandmarksTask
from edgemm.tasks.landmarks.skeletons import SKELETONS

cv2 = package("cv2")
pytestmark = pytest.mark.shared
Array = npt.NDArray[Any]

WITHIN = 0.5
"""Pixels of the source."""
FACE = "models/face/face_landmark.tflite"
POSE = "models/pose/pose_landmark_lite.tflite"
UNIT = ImageRecipe(scale=1 / 255)
MESH = LandmarksRecipe(
    points="conv2d_21",
    values=("x", "y", "z"),
    presence="conv2d_31",
    presence_decode="logit",
    skeleton="mediapipe_face468",
)
BODY = LandmarksRecipe(
    points="Identity",
    values=("x", "y", "z", "score", "skip"),
    scores="logits",
    presence="Identity_1",
    skeleton="mediapipe_pose33",
)
FACES = {
    "coral_samples/face.jpg": (303, 102, 160),
    "coral_samples/grace_hopper.bmp": (268, 215, 290),
    "images/astronaut.png": (223, 111, 160),
}
"""Picture -> centre and side of a square around the face."""


def picture(folder: Path, name: str) -> Array:
    return np.ascontiguousarray(cv2.imread(str(folder / "data" / name))[:, :, ::-1])


def pictures(folder: Path, model: str, recipe: LandmarksRecipe) -> Pictures:
    return Pictures(Network(folder / model), UNIT, "NHWC", LandmarksTask(), recipe)


def by_hand(network: Network, rgb: Array, center: tuple[int, int], side: int) -> dict[str, Array]:
    """Outputs for a square that is cut out with NumPy and resized."""
    left, top = center[0] - side // 2, center[1] - side // 2
    square = rgb[top : top + side, left : left + side]
    assert square.shape == (side, side, 3)
    size = network.input.shape[1]
    tensor = cv2.resize(square, (size, size), interpolation=cv2.INTER_LINEAR)[None] / np.float32(255)
    return network(tensor)


def through_view(
    read: Pictures, rgb: Array, center: tuple[float, float], side: float, size: int, angle: float
) -> Any:
    view = View.around(center, (side, side), (size, size), angle=angle)
    result, _ = read(view.sample(rgb), view.to_source, rgb.shape[1::-1])
    return result


@pytest.mark.parametrize("name", FACES)
def test_face_landmarks_of_a_crop_are_those_by_hand(name: str) -> None:
    folder = find(FACE, f"data/{name}")
    x, y, side = FACES[name]
    rgb = picture(folder, name)
    numbers = by_hand(Network(folder / FACE), rgb, (x, y), side)
    rows = numbers["conv2d_21"].reshape(468, 3).astype(np.float64)
    expected = rows[:, :2] * side / 192 + (x - side // 2, y - side // 2)
    found = through_view(pictures(folder, FACE, MESH), rgb, (x, y), side, 192, 0.0)
    assert np.abs(found.points_xy - expected).max() < WITHIN
    assert np.abs(found.depths - rows[:, 2] * side / 192).max() < WITHIN
    assert found.score > 0.99


@pytest.mark.parametrize("degrees", [-20, 15])
@pytest.mark.parametrize("name", FACES)
def test_a_face_in_a_rotated_view_has_its_points_where_it_had_them(name: str, degrees: int) -> None:
    """The network sees another picture, so its points move a little: 3 % of the crop at the mean."""
    folder = find(FACE, f"data/{name}")
    x, y, side = FACES[name]
    rgb, read = picture(folder, name), pictures(folder, FACE, MESH)
    upright = through_view(read, rgb, (x, y), side, 192, 0.0).points_xy
    turned = through_view(read, rgb, (x + 5, y - 5), side * 1.1, 192, np.radians(degrees)).points_xy
    assert np.linalg.norm(upright - turned, axis=1).mean() < 0.03 * side


def test_a_parrot_has_no_face() -> None:
    folder = find(FACE, "data/coral_samples/parrot.jpg")
    rgb = picture(folder, "coral_samples/parrot.jpg")
    result, _ = pictures(folder, FACE, MESH)(rgb)
    assert result.score < 0.01
    assert result.points_xy.shape == (0, 2)


def test_body_landmarks_of_a_crop_are_those_by_hand() -> None:
    folder = find(POSE, "data/coral_samples/squat.bmp")
    rgb = cv2.copyMakeBorder(
        picture(folder, "coral_samples/squat.bmp"), 100, 100, 100, 100, cv2.BORDER_CONSTANT
    )
    center, side = (337, 469), 600
    numbers = by_hand(Network(folder / POSE), rgb, center, side)
    rows = numbers["Identity"].reshape(39, 5)[:33].astype(np.float64)
    expected = rows[:, :2] * side / 256 + (center[0] - side // 2, center[1] - side // 2)
    found = through_view(pictures(folder, POSE, BODY), rgb, center, side, 256, 0.0)
    assert np.abs(found.points_xy - expected).max() < WITHIN
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp(-rows[:, 3])), atol=0.01)
    assert found.score == pytest.approx(float(numbers["Identity_1"].reshape(())), abs=0.01)
    assert found.score > 0.9


def test_body_landmarks_of_a_letterboxed_picture_are_near_those_of_another_network() -> None:
    """MoveNet's on the same picture, published beside it: joints below the head within 9 % of the frame, as measured
    by hand."""
    folder = find(POSE, "data/coral_samples")
    rgb = picture(folder, "coral_samples/squat.bmp")
    network = Network(folder / POSE)
    image = ImageRecipe(scale=1 / 255, resize="letterbox", pad_value=0)
    result, _ = Pictures(network, image, "NHWC", LandmarksTask(), BODY)(rgb)
    ours = dict(zip(result.names, result.points_xy / rgb.shape[1::-1], strict=True))
    path = folder / "data/coral_samples/movenet_single_pose_lightning_ptq_reference.csv"
    gaps = [
        np.hypot(*(ours[SKELETONS["coco17"].names[int(row["keypoint_id"])]] - _xy(row)))
        for row in csv.DictReader(path.read_text().splitlines())
        if int(row["keypoint_id"]) >= 5
    ]
    assert len(gaps) == 12
    assert max(gaps) < 0.09


def _xy(row: dict[str, str]) -> Array:
    return np.array([float(row["keypoint_x"]), float(row["keypoint_y"])])
