"""MediaPipe's networks and gestures by their presets, against the same networks driven by hand.

The networks of hands are inside the package mediapipe==0.10.14 of the Python that EDGEMM_MEDIAPIPE names.
"""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

import edgemm
from edgemm.card.presets import preset
from tests.by_hand.blazeface import AnchorDetector, blazeface, palm_detector, pose_detector
from tests.by_hand.landmarks import sigmoid
from tests.by_hand.runtimes import LiteRt
from tests.by_hand.shared_files import CORAL, IMAGES, picture, placed, shared

for each in ("cv2", "ai_edge_litert"):
    package(each)
pytestmark = pytest.mark.shared
HAND = "data/coco128_val/images/000000006771.jpg"
Load = Callable[..., Any]


@pytest.fixture
def load() -> Iterator[Load]:
    """`load(path, preset)`: closed after the test."""
    opened: list[edgemm.Model] = []

    def of(path: Path, name: str) -> edgemm.Model:
        opened.append(edgemm.load(path, delegate="cpu", card=name))
        return opened[-1]

    yield of
    for model in opened:
        model.close()


@pytest.fixture(scope="module")
def modules() -> Path:
    """The folder of networks in MediaPipe's package."""
    python = os.environ.get("EDGEMM_MEDIAPIPE")
    if not python:
        pytest.skip("set EDGEMM_MEDIAPIPE to a Python with mediapipe==0.10.14")
    code = "import importlib.util; print(importlib.util.find_spec('mediapipe').submodule_search_locations[0])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip()) / "modules"


def assert_same_boxes(found: Any, by_hand: AnchorDetector, path: str) -> None:
    rgb = picture(path)
    expected = by_hand(rgb, 0.5, "mediapipe")
    height, width = rgb.shape[:2]
    assert len(found.scores) >= 1
    assert found.scores == pytest.approx(expected.scores, abs=0.001)
    clipped = np.clip(expected.boxes_xyxy, 0, [width, height, width, height])
    assert np.abs(found.boxes_xyxy - clipped).max() < 0.02
    assert np.abs(found.points_xy - expected.points_xy).max() < 0.02


@pytest.mark.parametrize(
    ("file", "name", "by_hand", "path"),
    [
        ("models/blazeface_short_range.tflite", "blazeface", blazeface, f"{IMAGES}/astronaut.png"),
        ("models/pose/pose_detection.tflite", "blazepose", pose_detector, f"{CORAL}/squat.bmp"),
    ],
)
def test_detectors(
    load: Load, file: str, name: str, by_hand: Callable[[Path], AnchorDetector], path: str
) -> None:
    assert_same_boxes(load(shared(file), name)(picture(path)), by_hand(shared(file)), path)


@pytest.mark.parametrize("size", ["full", "lite"])
def test_the_detector_of_palms(load: Load, modules: Path, size: str) -> None:
    file = modules / "palm_detection" / f"palm_detection_{size}.tflite"
    assert_same_boxes(load(file, "blazepalm")(picture(HAND)), palm_detector(file), HAND)


def square(path: str, x: int, y: int, side: int) -> npt.NDArray[np.uint8]:
    """A square of a picture in its own pixels, so that nothing is resized."""
    return np.ascontiguousarray(picture(path)[y : y + side, x : x + side])


def test_face_landmarks(load: Load) -> None:
    file, crop = shared("models/face/face_landmark.tflite"), square(f"{IMAGES}/astronaut.png", 127, 20, 192)
    numbers, logit = LiteRt(file)(crop[None].astype(np.float32) / np.float32(255))
    found = load(file, "face-landmarks")(crop)
    assert found.score == pytest.approx(sigmoid(logit.item()), abs=1e-4)
    assert found.score > 0.9
    assert np.abs(found.points_xy - numbers.reshape(468, 3)[:, :2]).max() < 0.01


@pytest.mark.parametrize("size", ["full", "lite"])
def test_hand_landmarks(load: Load, modules: Path, size: str) -> None:
    file, crop = modules / "hand_landmark" / f"hand_landmark_{size}.tflite", square(HAND, 83, 180, 224)
    numbers, presence, *_ = LiteRt(file)(crop[None].astype(np.float32) / np.float32(255))
    found = load(file, "hand-landmarks")(crop)
    assert found.score == pytest.approx(presence.item(), abs=1e-4)
    assert found.score > 0.5
    assert np.abs(found.points_xy - numbers.reshape(21, 3)[:, :2]).max() < 0.01
    assert found.names[8] == "index_tip"


def test_body_landmarks_are_refined_by_their_heat_maps(load: Load) -> None:
    """The definition in loops: the centre of mass of 7 x 7 cells around each point."""
    file = shared("models/pose/pose_landmark_lite.tflite")
    crop = placed(f"{CORAL}/squat.bmp", 256, 256)
    flat, presence, _, maps, _ = LiteRt(file)(crop[None].astype(np.float32) / np.float32(255))
    rows = flat.reshape(39, 5)
    expected = rows[:, :2].copy()
    for at, (x, y) in enumerate(rows[:, :2] / 4):
        if not (0 <= int(x) < 64 and 0 <= int(y) < 64):
            continue
        top, left = max(0, int(y) - 3), max(0, int(x) - 3)
        part = 1 / (1 + np.exp(-maps[0, top : int(y) + 4, left : int(x) + 4, at].astype(np.float64)))
        if part.max() >= 0.5:
            down, across = np.indices(part.shape)
            expected[at] = (
                4 * (across + left).ravel() @ part.ravel() / part.sum(),
                4 * (down + top).ravel() @ part.ravel() / part.sum(),
            )
    found = load(file, "pose-landmarks")(crop)
    assert found.score == pytest.approx(presence.item(), abs=1e-4)
    assert found.score > 0.5
    assert np.abs(found.points_xy - expected).max() < 0.01
    assert np.abs(found.points_xy - rows[:, :2]).max() > 0.5
    assert found.scores == pytest.approx([sigmoid(each) for each in rows[:, 3]], abs=1e-3)


GESTURES = {
    "keypoint_classifier": ("keypoint", "hand-gesture", 0.969),
    "point_history_classifier": ("point_history", "finger-gesture", 0.962),
}
"""Network -> its rows, its preset, and the share of rows that it is right about."""


def rows_of(name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    with gzip.open(shared(f"data/gestures/{name}.csv.gz"), "rt", encoding="utf-8-sig") as file:
        table = np.loadtxt(file, delimiter=",")
    return table[:, 0].astype(np.int64), table[:, 1:].astype(np.float32)


def pixels_of(name: str, rows: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], tuple[int, int]]:
    """Hands of which such rows are made, somewhere in a picture of 960 x 540: one for each row, or 16."""
    if name == "keypoint":
        return rows.reshape(-1, 21, 2).astype(np.float64) * 187 + (480, 300), (960, 540)
    hands = np.zeros((len(rows), 16, 21, 2))
    hands[:, :, 8] = rows.reshape(-1, 16, 2) * (960, 540) + (480, 270)
    return hands, (960, 540)


@pytest.mark.parametrize("network", GESTURES)
def test_gestures_on_every_row(load: Load, network: str) -> None:
    """As tensors, and as pixels that our own preparation makes such rows of."""
    name, card, share = GESTURES[network]
    file = shared(f"models/gesture/{network}.tflite")
    model, by_hand = load(file, card), LiteRt(file)
    truth, rows = rows_of(name)
    expected = np.array([by_hand(row[None])[0].argmax() for row in rows])
    tensor = model.inputs[0].name
    found = np.array([model({tensor: row[None]}).class_ids[0] for row in rows])
    assert np.array_equal(found, expected)
    assert np.mean(found == truth) == pytest.approx(share, abs=0.0005)
    hands, wh = pixels_of(name, rows)
    seen = np.array([model(hand, source_wh=wh).class_ids[0] for hand in hands])
    assert np.mean(seen == truth) == pytest.approx(share, abs=0.0005)


@pytest.mark.parametrize("network", GESTURES)
def test_the_labels_are_those_of_its_makers(network: str) -> None:
    text = shared(f"models/gesture/{network}_label.csv").read_text(encoding="utf-8-sig")
    assert preset(GESTURES[network][1]).labels == tuple(text.split("\n")[:4])


@pytest.mark.parametrize("network", GESTURES)
def test_pixels_become_the_stored_rows(network: str) -> None:
    from edgemm.preprocess import compile_points
    from edgemm.tensors import TensorSpec

    name, card, _ = GESTURES[network]
    _, rows = rows_of(name)
    rows = rows[np.abs(rows).max(axis=1) > 0][:500]
    hands, wh = pixels_of(name, rows)
    window = compile_points(preset(card).inputs[0], TensorSpec("points", (1, rows.shape[1]), "float32"))
    out = np.empty((1, rows.shape[1]), np.float32)
    for hand, row in zip(hands, rows, strict=True):
        for item in hand if hand.ndim == 3 else (hand,):
            full = window.push(item, wh)
        assert full
        window.write(out)
        moved = row - np.tile(row[:2], len(row) // 2)  # some rows begin where no finger was seen
        assert out[0] == pytest.approx(moved if name == "point_history" else row, abs=1e-5)
