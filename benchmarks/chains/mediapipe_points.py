"""Faces and bodies as MediaPipe Solutions 0.10.14 follows them, in a process of its own: run by a Python that has it.

    PYTHON mediapipe_points.py faces|bodies|hands FRAMES.npy

FRAMES.npy is uint8[n, height, width, 3], RGB. Each line of standard input is "BEGIN END": these frames are processed,
one after the other, and a line of JSON is answered: {"cpu_s": CPU seconds of all of them, "wall_s": ..., "points": for
each frame a list of [x, y] in pixels, or null where nobody is found}. "reset" begins anew. Nothing is smoothed.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np


def solution(kind: str) -> tuple[Any, str]:
    """The solution, and the name of the landmarks in what it answers."""
    import mediapipe as mp  # type: ignore[import-not-found]

    if kind == "faces":
        return mp.solutions.face_mesh.FaceMesh(refine_landmarks=False), "multi_face_landmarks"
    if kind == "hands":
        return mp.solutions.hands.Hands(max_num_hands=1), "multi_hand_landmarks"
    pose = mp.solutions.pose.Pose(model_complexity=0, smooth_landmarks=False, enable_segmentation=False)
    return pose, "pose_landmarks"


def points(answer: Any, name: str, wh: tuple[int, int]) -> Any:
    """[[x, y], ...] in pixels of the first one found; None where there is none."""
    found = getattr(answer, name)
    if not found:
        return None
    first = found if hasattr(found, "landmark") else found[0]
    return [[point.x * wh[0], point.y * wh[1]] for point in first.landmark]


def main() -> None:
    """Answers one line for each line that is read."""
    kind, path = sys.argv[1:]
    frames = np.load(path, mmap_mode="r")
    wh = frames.shape[2], frames.shape[1]
    process, name = solution(kind)
    for line in sys.stdin:
        if line.strip() == "reset":
            process.reset()
            print("{}", flush=True)
            continue
        begin, end = map(int, line.split())
        given = [np.ascontiguousarray(frames[at]) for at in range(begin, end)]
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        answers = [process.process(rgb) for rgb in given]
        spent = {
            "cpu_s": (time.process_time_ns() - cpu) * 1e-9,
            "wall_s": (time.perf_counter_ns() - wall) * 1e-9,
        }
        print(json.dumps({**spent, "points": [points(each, name, wh) for each in answers]}), flush=True)


if __name__ == "__main__":
    main()
