"""BlazeFace on a 720p frame with a face, the whole path: edgemm's model call, by hand, and MediaPipe Solutions.

All from the RGB frame to boxes and points in its pixels, on one core, in CPU time of the whole process. By hand is
`tests/by_hand/blazeface_fast.py`. MediaPipe runs in a process of its own, by the Python with mediapipe==0.10.14 that
EDGEMM_MEDIAPIPE names; the two processes take turns. Needs EDGEMM_SHARED.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import shared
from benchmarks.timing import instruction_set

BY_HAND_LIMIT, MEDIAPIPE_LIMIT = 1.05, 0.75
MODEL = "models/blazeface_short_range.tflite"
FACE = "data/coral_samples/grace_hopper.bmp"
THRESHOLD = 0.5
REPEATS = 20
Frame = npt.NDArray[np.uint8]
Turn = Callable[[], float]
"""Does the work REPEATS times, and tells the CPU seconds of one."""


def run(rounds: int = 60) -> list[dict[str, Any]]:
    """Both ratios; MediaPipe's only where there is one."""
    folder = shared.find(MODEL, FACE)
    if folder is None:
        return []
    frame = frame_with_a_face(folder)
    with one_core(), _edgemm(folder, frame) as mine, _mediapipe(frame) as theirs:
        medians = _medians({"edgemm": mine, "by_hand": _by_hand(folder, frame)} | theirs, rounds)
    details = {"instruction_set": instruction_set(), "rounds": rounds}
    details |= {f"{name}_us": median * 1e6 for name, median in medians.items()}
    limits = {"by_hand": BY_HAND_LIMIT, "mediapipe": MEDIAPIPE_LIMIT}
    return [_result(medians, name, limit, details) for name, limit in limits.items() if name in medians]


def _result(medians: dict[str, float], other: str, limit: float, details: dict[str, Any]) -> dict[str, Any]:
    ratio = medians["edgemm"] / medians[other]
    name = f"BlazeFace from a 720p frame to boxes, against {other.replace('_', ' ')}"
    return {"name": name, "ratio": ratio, "limit": limit, "ok": ratio <= limit, "details": details}


def _medians(turns: dict[str, Turn], rounds: int) -> dict[str, float]:
    for turn in turns.values():
        turn()
    spent: dict[str, list[float]] = {name: [] for name in turns}
    order, chance = list(turns), random.Random(0)
    for _ in range(rounds):
        chance.shuffle(order)  # whoever comes after another process finds the caches cold
        for name in order:
            spent[name].append(turns[name]())
    return {name: statistics.median(each) for name, each in spent.items()}


def frame_with_a_face(folder: Path) -> Frame:
    """A portrait in the middle of a black frame of 1280x720."""
    import cv2

    picture: Any = cv2.imread(str(folder / FACE))
    frame = np.zeros((720, 1280, 3), np.uint8)
    height, width = picture.shape[:2]
    top, left = (720 - height) // 2, (1280 - width) // 2
    frame[top : top + height, left : left + width] = picture[:, :, ::-1]
    return frame


@contextmanager
def _edgemm(folder: Path, frame: Frame) -> Iterator[Turn]:
    import edgemm
    from tests.by_hand.cards import BLAZEFACE

    with edgemm.load(folder / MODEL, delegate="cpu", card=BLAZEFACE) as model:
        _check_one_face(len(model(frame).scores))  # type: ignore[attr-defined]
        yield _timed(lambda: model(frame))


def _by_hand(folder: Path, frame: Frame) -> Turn:
    from tests.by_hand.blazeface_fast import FastBlazeFace

    detect = FastBlazeFace(folder / MODEL, 1280, 720, THRESHOLD)
    _check_one_face(len(detect(frame).scores))
    return _timed(lambda: detect(frame))


def _timed(work: Callable[[], Any]) -> Turn:
    def turn() -> float:
        begin = time.process_time_ns()
        for _ in range(REPEATS):
            work()
        return (time.process_time_ns() - begin) / REPEATS * 1e-9

    return turn


@contextmanager
def _mediapipe(frame: Frame) -> Iterator[dict[str, Turn]]:
    """The child that is told how often to work, and answers with CPU seconds; {} where there is no MediaPipe."""
    python = os.environ.get("EDGEMM_MEDIAPIPE")
    if not python:
        print(json.dumps({"skipped": "set EDGEMM_MEDIAPIPE to a Python with mediapipe==0.10.14"}))
        yield {}
        return
    script = Path(__file__).parents[1] / "tests" / "by_hand" / "mediapipe_faces.py"
    with TemporaryDirectory() as folder:
        np.save(f"{folder}/frame.npy", frame)
        command = [python, str(script), "--time", f"{folder}/frame.npy"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, text=True, **pipes) as child:  # type: ignore[call-overload]
            yield {"mediapipe": lambda: float(_asked(child)["cpu_s"])}
            child.stdin.close()


def _asked(child: Any) -> dict[str, Any]:
    child.stdin.write(f"{REPEATS}\n")
    child.stdin.flush()
    answer: dict[str, Any] = json.loads(child.stdout.readline())
    _check_one_face(len(answer["faces"]))
    return answer


def _check_one_face(found: int) -> None:
    if found != 1:
        raise SystemExit(f"expected one face in the frame, found {found}: nothing to compare")


@contextmanager
def one_core() -> Iterator[None]:
    """This process, and the children that it starts, on the last of its cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def main() -> int:
    """Prints the results as JSON; 1 when a limit is missed."""
    results = run()
    print(json.dumps(results, indent=1))
    return 0 if all(each["ok"] for each in results) else 1


if __name__ == "__main__":
    sys.exit(main())
