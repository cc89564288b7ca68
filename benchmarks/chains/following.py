"""The chains, by the rules of MediaPipe's graphs, and what they answer for a stretch of a clip."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgemm
from benchmarks.chains.clip import FPS
from edgemm.card.presets import preset
from edgemm.chain.crop import Crop
from edgemm.chain.mediapipe import bodies, faces, hands
from edgemm.chain.track import Track

Points = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Kind:
    """Faces, bodies or hands."""

    name: str
    detector: tuple[str, str]
    """File and preset."""
    landmarks: tuple[str, str]
    """File and preset."""
    count: int
    """Points that are compared: the first ones."""
    crops: Callable[[], tuple[Crop, Track]]


FACE = Kind(
    "faces",
    ("models/blazeface_short_range.tflite", "blazeface"),
    ("models/face/face_landmark.tflite", "face-landmarks"),
    468,
    faces,
)
BODY = Kind(
    "bodies",
    ("models/pose/pose_detection.tflite", "blazepose"),
    ("models/pose/pose_landmark_lite.tflite", "pose-landmarks"),
    33,
    bodies,
)
HAND = Kind(
    "hands",
    ("palm_detection/palm_detection_full.tflite", "blazepalm"),
    ("hand_landmark/hand_landmark_full.tflite", "hand-landmarks"),
    21,
    partial(hands, 1),
)
"""Its files lie in the folder `modules` of MediaPipe's package."""


@contextmanager
def chain(folder: Path, kind: Kind, *, tracked: bool = True) -> Iterator[Any]:
    """The chain of a kind, one thread.

    Args:
        folder: that the files lie in.
        tracked: False to detect in every frame.
    """
    card = preset(kind.landmarks[1])
    if (
        kind is BODY
    ):  # MediaPipe's Python loses the option of its own graph (7), and has the calculator's default
        card = card.with_(recipe=replace(card.recipe, refine_cells=9))
    with ExitStack() as opened:
        detector = opened.enter_context(
            edgemm.load(folder / kind.detector[0], card=kind.detector[1], delegate="cpu")
        )
        marks = opened.enter_context(edgemm.load(folder / kind.landmarks[0], card=card, delegate="cpu"))
        crop, track = kind.crops()
        yield detector.then(crop, marks, name="points", track=track if tracked else None)


class Following:
    """One session of a chain, fed with a clip."""

    def __init__(self, made: Any, kind: Kind) -> None:
        self._session, self._kind = made.session(), kind

    def __call__(self, frames: Sequence[npt.NDArray[np.uint8]], begin: int) -> dict[str, Any]:
        """Points, and what it took.

        Args:
            frames: uint8[height, width, 3] each, RGB.
            begin: number of the first one in the clip.

        Returns:
            cpu_s, wall_s: of all frames; points: float32[k, 2] for each frame, or None; detected: whether the detector
            ran, for each frame.
        """
        from edgemm.session import NO_CLOCK

        items = [
            edgemm.Frame(pixels, round((begin + at) / FPS * 1e9) + 1, begin + at)
            for at, pixels in enumerate(frames)
        ]
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        scenes: list[Any] = [next(iter(self._session.feed(item, NO_CLOCK))).value for item in items]
        spent = {
            "cpu_s": (time.process_time_ns() - cpu) * 1e-9,
            "wall_s": (time.perf_counter_ns() - wall) * 1e-9,
        }
        found = [self._points(scene) for scene in scenes]
        return {**spent, "points": found, "detected": [scene.detected for scene in scenes]}

    def reset(self) -> None:
        """The clip begins anew."""
        self._session.reset()

    def close(self) -> None:
        """Frees the session."""
        self._session.close()

    def _points(self, scene: Any) -> Points | None:
        for thing in scene.things:
            marks = thing.results.get("points")
            if marks is not None and len(marks.points_xy):
                points: Points = marks.points_xy[: self._kind.count]
                return points
        return None
