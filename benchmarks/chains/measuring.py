"""The figures, and what each may be."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import shared
from benchmarks.blazeface import one_core
from benchmarks.chains.clip import BODY_SHARE, FACE_SHARE, FACES, FPS, begins, bodies
from benchmarks.chains.clip import frames as clip_frames
from benchmarks.chains.comparing import agreeing, errors, frames_lost
from benchmarks.chains.following import BODY, FACE, Following, Kind, chain
from benchmarks.timing import instruction_set

NEEDED = (
    "models/blazeface_short_range.tflite",
    "models/face",
    "models/pose",
    "data/coral_samples",
    "data/coco128_val",
)
ERROR_LIMIT, AGREE_LEAST = 0.01, 0.98
TIME_LIMIT = {"faces": 1 / 1.15, "bodies": 1.0}
TRACKED_LIMIT, DETECTED_LIMIT, FOUND_LIMIT_S = 0.02, 0.10, 0.5
STRETCH = 32
"""Frames that one of the two processes, before it is the other's turn."""
ROUNDS = 5
Turn = Callable[[int, int], dict[str, Any]]
"""Frames from, to -> what was found, and how long it took."""


def run(rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """All figures; those against MediaPipe only where there is one."""
    folder = shared.find(*NEEDED)
    if folder is None:
        return []
    results = []
    with one_core(), TemporaryDirectory() as scratch:
        for kind in (FACE, BODY):
            shots = FACES if kind is FACE else bodies(folder)
            frames = list(clip_frames(folder, shots, FACE_SHARE if kind is FACE else BODY_SHARE))
            results += _against_mediapipe(folder, kind, frames, Path(scratch), rounds)
            results += _against_detecting(folder, kind, frames, begins(shots))
    return results


def _against_mediapipe(
    folder: Path, kind: Kind, frames: Sequence[npt.NDArray[np.uint8]], scratch: Path, rounds: int
) -> list[dict[str, Any]]:
    python = os.environ.get("EDGEMM_MEDIAPIPE")
    if not python:
        print(json.dumps({"skipped": "set EDGEMM_MEDIAPIPE to a Python with mediapipe==0.10.14"}))
        return []
    np.save(scratch / "frames.npy", np.stack(frames))
    with chain(folder, kind) as made, mediapipe_child(folder, python, kind, scratch / "frames.npy") as ask:
        mine = Following(made, kind)
        turns: dict[str, Turn] = {
            "edgemm": lambda begin, end: mine(frames[begin:end], begin),
            "mediapipe": lambda begin, end: ask(f"{begin} {end}"),
        }
        found: dict[str, list[Any]] = {name: [] for name in turns}
        spent: dict[str, dict[int, list[float]]] = {name: {} for name in turns}
        for at in range(rounds):
            mine.reset()
            ask("reset")
            for begin in range(0, len(frames), STRETCH):
                for name in sorted(turns, reverse=bool(at % 2)):
                    answer = turns[name](begin, min(begin + STRETCH, len(frames)))
                    spent[name].setdefault(begin, []).append(answer["cpu_s"])
                    found[name] += answer["points"] if at == 0 else []
        mine.close()
    ms = {
        name: sum(map(statistics.median, each.values())) / len(frames) * 1e3 for name, each in spent.items()
    }
    shares = errors(found["edgemm"], found["mediapipe"])
    agree = agreeing(found["edgemm"], found["mediapipe"])
    details = {"instruction_set": instruction_set(), "frames": len(frames), "rounds": rounds}
    error, ratio, most = float(np.mean(shares)), ms["edgemm"] / ms["mediapipe"], TIME_LIMIT[kind.name]
    return [
        {
            "name": f"{kind.name} as MediaPipe's: mean distance of points, in sides of the box",
            "ratio": error,
            "limit": ERROR_LIMIT,
            "ok": error <= ERROR_LIMIT and agree >= AGREE_LEAST,
            "details": {
                **details,
                "mean_in_sides_of_a_square": float(
                    np.mean(errors(found["edgemm"], found["mediapipe"], square=True))
                ),
                "median": float(np.median(shares)),
                "largest": max(shares),
                "frames_with_points": len(shares),
                "agreeing_frames": agree,
            },
        },
        {
            "name": f"{kind.name} followed through 720p, time of a frame against MediaPipe's",
            "ratio": ratio,
            "limit": most,
            "ok": ratio <= most,
            "details": {
                **details,
                **{f"{name}_ms": each for name, each in ms.items()},
                **{f"{name}_frames_per_s": 1e3 / each for name, each in ms.items()},
            },
        },
    ]


def _against_detecting(
    folder: Path, kind: Kind, frames: Sequence[npt.NDArray[np.uint8]], shown: Sequence[int]
) -> list[dict[str, Any]]:
    answers = []
    for tracked in (True, False):
        with chain(folder, kind, tracked=tracked) as made:
            following = Following(made, kind)
            answers.append(following(frames, 0))
            following.close()
    mine, every = answers
    shares = errors(mine["points"], every["points"])
    detected = float(np.mean(mine["detected"]))
    lost_s = frames_lost(mine["points"], shown) / FPS
    error = float(np.mean(shares))
    ok = (
        error <= TRACKED_LIMIT
        and detected <= DETECTED_LIMIT
        and lost_s <= FOUND_LIMIT_S
        and all(every["detected"])
    )
    return [
        {
            "name": f"{kind.name} tracked against detected in each frame: mean distance, in sides of the box",
            "ratio": error,
            "limit": TRACKED_LIMIT,
            "ok": ok,
            "details": {
                "frames": len(frames),
                "mean_in_sides_of_a_square": float(
                    np.mean(errors(mine["points"], every["points"], square=True))
                ),
                "detector_ran_share": detected,
                "detector_limit": DETECTED_LIMIT,
                "found_again_s": lost_s,
                "found_again_limit_s": FOUND_LIMIT_S,
                "tracked_ms": mine["cpu_s"] / len(frames) * 1e3,
                "every_frame_ms": every["cpu_s"] / len(frames) * 1e3,
                "agreeing_frames": agreeing(mine["points"], every["points"]),
            },
        }
    ]


@contextmanager
def mediapipe_child(
    folder: Path, python: str, kind: Kind, frames: Path
) -> Iterator[Callable[[str], dict[str, Any]]]:
    """The child that answers a line for each line: "BEGIN END" or "reset"; see `mediapipe_points.py`."""
    if kind is BODY:
        _place_body_network(folder, python)
    script = Path(__file__).with_name("mediapipe_points.py")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([python, str(script), kind.name, str(frames)], text=True, **pipes) as child:  # type: ignore[call-overload]

        def ask(line: str) -> dict[str, Any]:
            child.stdin.write(f"{line}\n")
            child.stdin.flush()
            answer: dict[str, Any] = json.loads(child.stdout.readline())
            return answer

        yield ask
        child.stdin.close()


def modules_of(python: str) -> Path:
    """The folder of networks in MediaPipe's package."""
    code = "import importlib.util; print(importlib.util.find_spec('mediapipe').submodule_search_locations[0])"
    home = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    return Path(home) / "modules"


def _place_body_network(folder: Path, python: str) -> None:
    """Puts the light network of bodies where MediaPipe looks for it: its package lacks it, and would fetch it."""
    place = modules_of(python) / "pose_landmark" / "pose_landmark_lite.tflite"
    if not place.exists():
        shutil.copyfile(folder / BODY.landmarks[0], place)
