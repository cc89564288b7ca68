"""BlazeFace against MediaPipe Solutions, which runs in an environment of its own that EDGEMM_MEDIAPIPE names.

python3 -m venv mediapipe && mediapipe/bin/pip install mediapipe==0.10.14
EDGEMM_MEDIAPIPE=mediapipe/bin/python
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package

import edgemm
from tests.by_hand import mediapipe_faces
from tests.by_hand.blazeface import blazeface
from tests.by_hand.cards import BLAZEFACE
from tests.by_hand.shared_files import CORAL, IMAGES, Picture, picture, placed, shared

for each in ("cv2", "ai_edge_litert", "onnxruntime"):
    package(each)
pytestmark = [pytest.mark.shared, pytest.mark.slow]
FRAMES = {
    "face": (f"{CORAL}/face.jpg", None),
    "grace_hopper": (f"{CORAL}/grace_hopper.bmp", None),
    "squat": (f"{CORAL}/squat.bmp", None),
    "astronaut": (f"{IMAGES}/astronaut.png", None),
    "grace_hopper 720p": (f"{CORAL}/grace_hopper.bmp", (1280, 720)),
    "face 640x480": (f"{CORAL}/face.jpg", (640, 480)),
    "astronaut 640x480": (f"{IMAGES}/astronaut.png", (640, 480)),
    "parrot": (f"{CORAL}/parrot.jpg", None),
}
"""Name -> picture, and the size of the frame that it is placed in."""
WHOLE_STEPS = ("astronaut", "grace_hopper 720p", "face 640x480", "astronaut 640x480", "parrot")
"""Frames whose longer side is a whole multiple of 128."""


def frame(name: str) -> Picture:
    path, size = FRAMES[name]
    return placed(path, *size) if size else picture(path)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Frame -> faces, at MediaPipe's own threshold of 0.5."""
    python = os.environ.get("EDGEMM_MEDIAPIPE")
    if not python:
        pytest.skip("set EDGEMM_MEDIAPIPE to a Python with mediapipe==0.10.14: see the head of this file")
    folder = tmp_path_factory.mktemp("frames")
    for at, name in enumerate(FRAMES):
        np.save(folder / f"{at}.npy", frame(name))
    files = [str(folder / f"{at}.npy") for at in range(len(FRAMES))]
    command = [python, str(Path(mediapipe_faces.__file__)), *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(zip(FRAMES, (json.loads(line)["faces"] for line in done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("name", FRAMES)
def test_sampled_as_mediapipe_samples_it_is_the_same(
    theirs: dict[str, list[dict[str, Any]]], name: str
) -> None:
    found = blazeface(shared("models/blazeface_short_range.tflite"))(frame(name), 0.5, "mediapipe")
    expected = theirs[name]
    assert found.scores == pytest.approx([each["score"] for each in expected], abs=1e-4)
    assert found.boxes_xyxy.ravel() == pytest.approx(
        np.ravel([each["box_xyxy"] for each in expected]), abs=0.05
    )
    assert found.points_xy.ravel() == pytest.approx(
        np.ravel([each["points_xy"] for each in expected]), abs=0.05
    )


@pytest.mark.parametrize("name", WHOLE_STEPS)
def test_nearest_is_the_same_where_steps_are_whole(
    theirs: dict[str, list[dict[str, Any]]], name: str
) -> None:
    found = blazeface(shared("models/blazeface_short_range.tflite"))(frame(name), 0.5, "nearest")
    expected = theirs[name]
    assert found.scores == pytest.approx([each["score"] for each in expected], abs=1e-4)
    assert found.boxes_xyxy.ravel() == pytest.approx(
        np.ravel([each["box_xyxy"] for each in expected]), abs=0.05
    )


@pytest.mark.parametrize("name", FRAMES)
def test_edgemm_is_within_a_pixel(theirs: dict[str, list[dict[str, Any]]], name: str) -> None:
    """Boxes of edgemm end at the frame's edge, MediaPipe's do not."""
    rgb, expected = frame(name), theirs[name]
    with edgemm.load(shared("models/blazeface_short_range.tflite"), delegate="cpu", card=BLAZEFACE) as model:
        found: Any = model(rgb)
    assert found.scores == pytest.approx([each["score"] for each in expected], abs=0.005)
    for box, points, each in zip(found.boxes_xyxy, found.points_xy, expected, strict=True):
        height, width = rgb.shape[:2]
        assert box == pytest.approx(np.clip(each["box_xyxy"], 0, [width, height] * 2), abs=1)
        assert points.ravel() == pytest.approx(np.ravel(each["points_xy"]), abs=1)
