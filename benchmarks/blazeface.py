"""BlazeFace on a 720p frame with a face, the whole path: edgemm's model call, by hand, and MediaPipe Solutions.

All from the RGB frame to boxes and points in its pixels, on one core, in CPU time of the whole process. By hand is
`tests/by_hand/blazeface_fast.py`. MediaPipe runs in a process of its own, by the Python with mediapipe==0.10.14 that
EDGEMM_MEDIAPIPE names; the two processes take turns. Needs EDGEMM_SHARED.

By hand and MediaPipe run the float file as it is published. edgemm runs the same file, and what `edgemm convert` makes
of it for this machine: float, what `--scheme auto` chooses, and what it chooses with `--prefer accuracy`. Of each the
details tell how far it finds what the published file finds, in pictures that it was not calibrated on.
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
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import face_pictures, shared
from benchmarks.timing import instruction_set

LIMITS = {
    "edgemm": (1.08, 0.72),
    "converted_float": (1.08, 0.72),
    "converted_accurate": (0.95, 0.68),
    "converted_auto": (0.95, 0.68),
}
"""Which of ours -> of the time by hand, and of MediaPipe's."""
NAMES = {
    "edgemm": "the file as it is",
    "converted_float": "converted, float",
    "converted_accurate": "converted, auto, accuracy preferred",
    "converted_auto": "converted, auto",
}
SCHEMES = {
    "converted_float": ("--scheme", "float"),
    "converted_accurate": ("--prefer", "accuracy"),
    "converted_auto": (),
}
MODEL = "models/blazeface_short_range.tflite"
FACE = "data/coral_samples/grace_hopper.bmp"
THRESHOLD = 0.5
REPEATS = 20
Frame = npt.NDArray[np.uint8]
Turn = Callable[[], float]
"""Does the work REPEATS times, and tells the CPU seconds of one."""


def run(rounds: int = 60) -> list[dict[str, Any]]:
    """A ratio for each of ours and each of the others; MediaPipe's only where there is one."""
    folder = shared.find(MODEL, FACE, *face_pictures.NEEDED)
    if folder is None:
        return []
    frame = frame_with_a_face(folder)
    with TemporaryDirectory() as scratch:
        files = {"edgemm": folder / MODEL} | _converted(folder, Path(scratch))
        kept = {name: agreement(folder / MODEL, files[name], Path(scratch)) for name in SCHEMES}
        with one_core(), ExitStack() as stack:
            turns = {name: stack.enter_context(_edgemm(path, frame)) for name, path in files.items()}
            turns["by_hand"] = _by_hand(folder, frame)
            turns |= stack.enter_context(_mediapipe(frame))
            medians = _medians(turns, rounds)
    details = {"instruction_set": instruction_set(), "rounds": rounds}
    details |= {f"{name}_us": median * 1e6 for name, median in medians.items()}
    return [
        _result(medians, name, other, limit, details | kept.get(name, {}))
        for name, limits in LIMITS.items()
        for other, limit in zip(("by_hand", "mediapipe"), limits, strict=True)
        if other in medians
    ]


def _result(
    medians: dict[str, float], name: str, other: str, limit: float, details: dict[str, Any]
) -> dict[str, Any]:
    ratio = medians[name] / medians[other]
    said = f"BlazeFace from a 720p frame to boxes, {NAMES[name]}, against {other.replace('_', ' ')}"
    return {"name": said, "ratio": ratio, "limit": limit, "ok": ratio <= limit, "details": details}


def _converted(folder: Path, scratch: Path) -> dict[str, Path]:
    """The published file, converted on pictures of faces, as a user does: which of ours -> file."""
    from tests.by_hand.cards import BLAZEFACE

    face_pictures.write_pictures(folder, scratch)
    card = scratch / "card.json"
    card.write_text(json.dumps(BLAZEFACE))
    files = {}
    for name, scheme in SCHEMES.items():
        files[name] = scratch / f"{name}.tflite"
        options = ("--card", card, "--calibrate", scratch / "calibrate", "--evaluate", scratch / "held_out")
        command = ("convert", folder / MODEL, "-o", files[name], *options, "--target", "here", *scheme)
        subprocess.run(
            [sys.executable, "-m", "edgemm", *map(str, command)],
            cwd=Path(__file__).parents[1],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,  # 3 where the gate is not held
        )
    return files


def agreement(source: Path, path: Path, scratch: Path) -> dict[str, Any]:
    """How far a converted file finds the faces that its source finds, in the pictures that are held out.

    Faces are the same at an IoU of 0.5. Distances of points are means over the six points of a face, in parts of the
    longer side of its box.
    """
    import edgemm
    from tests.by_hand.average_precision import iou
    from tests.by_hand.cards import BLAZEFACE

    pictures = face_pictures.read_pictures(scratch / "held_out")
    overlaps, scores, points, faces, extra = [], [], [], 0, 0
    with (
        edgemm.load(source, card=BLAZEFACE, delegate="cpu") as published,
        edgemm.load(path, delegate="cpu") as converted,
    ):
        for picture in pictures:
            wanted: Any = published(picture)
            found: Any = converted(picture)
            faces, free = faces + len(wanted.scores), np.ones(len(found.scores), bool)
            for box, score, marks in zip(wanted.boxes_xyxy, wanted.scores, wanted.points_xy, strict=True):
                overlap = iou(box, found.boxes_xyxy) * free
                if not overlap.size or overlap.max() < 0.5:
                    continue
                at = int(overlap.argmax())
                free[at] = False
                overlaps.append(float(overlap[at]))
                scores.append(abs(float(found.scores[at] - score)))
                away = np.linalg.norm(found.points_xy[at] - marks, axis=1).mean()
                points.append(float(away / (box[2:] - box[:2]).max()))
            extra += int(free.sum())
    return {
        "bytes": path.stat().st_size,
        "pictures": len(pictures),
        "faces": faces,
        "faces_kept": len(overlaps),
        "faces_extra": extra,
        "iou_median_and_p5": [float(each) for each in np.percentile(overlaps, (50, 5))],
        "score_off_median_and_p95": [float(each) for each in np.percentile(scores, (50, 95))],
        "points_off_median_and_p95": [float(each) for each in np.percentile(points, (50, 95))],
    }


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
def _edgemm(path: Path, frame: Frame) -> Iterator[Turn]:
    import edgemm
    from tests.by_hand.cards import BLAZEFACE

    with edgemm.load(path, delegate="cpu", card=BLAZEFACE) as model:
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
