"""Faces, bodies and hands followed through a clip, against MediaPipe Solutions, which runs in an environment of its own
that EDGEMM_MEDIAPIPE names: see test_as_mediapipe.py."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package

import edgemm
from benchmarks.chains import clip
from benchmarks.chains.comparing import agreeing, errors
from benchmarks.chains.following import BODY, FACE, HAND, Following, Kind, chain
from benchmarks.chains.measuring import mediapipe_child, modules_of
from edgemm.chain.mediapipe import hands
from tests.by_hand.shared_files import shared

for each in ("cv2", "ai_edge_litert"):
    package(each)
pytestmark = [pytest.mark.shared, pytest.mark.slow]
FRAMES = clip.EMPTY + 20
A_HAND = clip.Shot("data/coco128_val/images/000000006771.jpg", 195, 295, 118)
EXAMPLE, GESTURES = Path(__file__).parents[2] / "examples" / "read_gestures.py", "models/gesture"
SHOTS = {
    "faces": (FACE, clip.FACES[0], clip.FACE_SHARE),
    "bodies": (BODY, clip.BODY, clip.BODY_SHARE),
    "hands": (HAND, A_HAND, 0.45),
}


@pytest.fixture
def python() -> str:
    found = os.environ.get("EDGEMM_MEDIAPIPE")
    if not found:
        pytest.skip("set EDGEMM_MEDIAPIPE to a Python with mediapipe==0.10.14")
    return found


@pytest.mark.parametrize("name", SHOTS)
def test_points_are_mediapipes(name: str, python: str, tmp_path: Path) -> None:
    """Within 0.3 % of the box at the mean; the same frames without anybody; the detector runs on these, and once."""
    kind: Kind
    kind, shot, share = SHOTS[name]
    folder = shared("data").parent
    frames = list(islice(clip.frames(folder, (shot,), share), FRAMES))
    np.save(tmp_path / "frames.npy", np.stack(frames))
    with mediapipe_child(folder, python, kind, tmp_path / "frames.npy") as ask:
        theirs = ask(f"0 {FRAMES}")["points"]
    with chain(modules_of(python) if kind is HAND else folder, kind) as made:
        following = Following(made, kind)
        mine = following(frames, 0)
        following.close()
    assert agreeing(mine["points"], theirs) == 1.0
    shares = errors(mine["points"], theirs)
    assert len(shares) == FRAMES - clip.EMPTY
    assert np.mean(shares) < 0.003
    assert mine["detected"] == [True] * (clip.EMPTY + 1) + [False] * (FRAMES - clip.EMPTY - 1)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A hand, for 20 frames."""
    import cv2

    path = tmp_path / "hand.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), clip.FPS, (clip.WIDTH, clip.HEIGHT))
    for frame in islice(clip.frames(shared("data").parent, (A_HAND,), 0.45), clip.EMPTY, FRAMES):
        writer.write(np.ascontiguousarray(frame[:, :, ::-1]))
    writer.release()
    return path


def test_the_example_reads_the_sign_of_a_hand(python: str, film: Path) -> None:
    files = [modules_of(python) / HAND.detector[0], modules_of(python) / HAND.landmarks[0]]
    command = [
        sys.executable,
        str(EXAMPLE),
        *map(str, files),
        str(shared(f"{GESTURES}/keypoint_classifier.tflite")),
    ]
    done = subprocess.run([*command, "--source", str(film)], capture_output=True, text=True, check=True)
    *lines, summary = done.stdout.splitlines()
    assert ast.literal_eval(summary)["delivered"] == 20
    assert len(lines) == 20
    assert {line.split(":")[0].split()[2] for line in lines} == {"1"}  # the same hand in all of them
    assert sum(" Close " in line for line in lines) > 15


def test_a_moving_gesture_is_told_as_soon_as_there_are_sixteen_pictures(python: str, film: Path) -> None:
    modules, crops = modules_of(python), hands(1)
    with (
        edgemm.load(modules / HAND.detector[0], card=HAND.detector[1]) as palms,
        edgemm.load(modules / HAND.landmarks[0], card=HAND.landmarks[1]) as marks,
        edgemm.load(shared(f"{GESTURES}/point_history_classifier.tflite"), card="finger-gesture") as moves,
        palms.then(crops[0], marks, name="hand", track=crops[1]).then(moves, name="move") as made,
        edgemm.open_source(str(film)) as source,
        made.stream(source) as stream,
    ):
        scenes: list[Any] = [item.value for item in stream]
    told = ["move" in scene.things[0].results for scene in scenes]
    assert told == [False] * 15 + [True] * 5
