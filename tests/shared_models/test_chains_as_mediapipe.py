"""Faces, bodies and hands followed through a clip, against MediaPipe Solutions, which runs in an environment of its own
that EDGEMM_MEDIAPIPE names: see test_as_mediapipe.py."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from needs import package

from benchmarks.chains import clip
from benchmarks.chains.comparing import agreeing, errors
from benchmarks.chains.following import BODY, FACE, HAND, Following, Kind, chain
from benchmarks.chains.measuring import mediapipe_child, modules_of
from tests.by_hand.shared_files import shared

for each in ("cv2", "ai_edge_litert"):
    package(each)
pytestmark = [pytest.mark.shared, pytest.mark.slow]
FRAMES = clip.EMPTY + 20
A_HAND = clip.Shot("data/coco128_val/images/000000006771.jpg", 195, 295, 118)
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
