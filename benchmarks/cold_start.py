"""From the start of a process to its first answer: processor time and resident memory of whole processes, in turns.

An artifact of ours, its card checked and its tensors run, against NumPy and LiteRT by hand; and BlazeFace with a card
in a JSON file, loaded for the second time, so that its probe is remembered, against MediaPipe Solutions (a Python with
mediapipe==0.10.14, named by EDGEMM_MEDIAPIPE, needs EDGEMM_SHARED). Python's bytecode is there for all of them, as it
is for installed packages. Children that a process starts count with it.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import shared
from benchmarks.blazeface import FACE, MODEL, frame_with_a_face, one_core
from benchmarks.timing import instruction_set

ROOT = Path(__file__).parents[1]
ARTIFACT = ROOT / "edgemm" / "data" / "models" / "super_resolution_x2.int8.tflite"
LIMITS = {"artifact": (1.25, 1.1), "blazeface": (0.5, 0.5)}
"""Of processor time, and of memory."""
ROUNDS = 15
_TOLD = """
import resource
own, others = (resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime, own.ru_maxrss / 1000)
"""
_OURS = """
import numpy as np
import edgemm
model = edgemm.load({path!r}, delegate="cpu")
(spec,) = model.inputs
model.run({{spec.name: np.zeros(spec.shape, spec.dtype)}})
"""
_BY_HAND = """
import numpy as np
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter({path!r}, num_threads=1)
interpreter.allocate_tensors()
(into,), (out_of,) = interpreter.get_input_details(), interpreter.get_output_details()
interpreter.set_tensor(into["index"], np.zeros(into["shape"], into["dtype"]))
interpreter.invoke()
interpreter.get_tensor(out_of["index"])
"""
_FACES = """
import numpy as np
import edgemm
model = edgemm.load({path!r}, delegate="cpu", card={card!r})
assert len(model(np.load({frame!r})).scores) == 1
"""
_MEDIAPIPE = """
import numpy as np
import mediapipe
detector = mediapipe.solutions.face_detection.FaceDetection(model_selection=0, min_detection_confidence=0.5)
assert len(detector.process(np.load({frame!r})).detections) == 1
"""


def run(rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Ratios of processor time and of memory; BlazeFace's only where there is a MediaPipe."""
    with TemporaryDirectory() as folder, one_core():
        results = _compared("artifact", _artifact(), folder, rounds)
        if (faces := _faces(folder)) is not None:
            results += _compared("blazeface", faces, folder, rounds)
        return results


def _artifact() -> dict[str, tuple[str, str]]:
    path = str(ARTIFACT)
    return {
        "edgemm": (sys.executable, _OURS.format(path=path)),
        "by_hand": (sys.executable, _BY_HAND.format(path=path)),
    }


def _faces(folder: str) -> dict[str, tuple[str, str]] | None:
    where, python = shared.find(MODEL, FACE), os.environ.get("EDGEMM_MEDIAPIPE")
    if where is None or not python:
        print(
            json.dumps(
                {"skipped": "set EDGEMM_SHARED, and EDGEMM_MEDIAPIPE to a Python with mediapipe==0.10.14"}
            )
        )
        return None
    from tests.by_hand.cards import BLAZEFACE

    frame, card = f"{folder}/frame.npy", Path(folder, "blazeface.json")
    np.save(frame, frame_with_a_face(where))
    card.write_text(json.dumps(BLAZEFACE))
    ours = _FACES.format(path=str(where / MODEL), card=str(card), frame=frame)
    return {"edgemm": (sys.executable, ours), "mediapipe": (python, _MEDIAPIPE.format(frame=frame))}


def _compared(
    name: str, programs: dict[str, tuple[str, str]], folder: str, rounds: int
) -> list[dict[str, Any]]:
    seen: dict[str, list[tuple[float, float]]] = {each: [] for each in programs}
    for turn in range(rounds + 1):
        for each in random.Random(turn).sample(list(programs), len(programs)):
            told = _once(*programs[each], folder)
            if turn:  # the first one fills caches, and is probed
                seen[each].append(told)
    other = next(each for each in programs if each != "edgemm")
    details = {"instruction_set": instruction_set(), "rounds": rounds}
    for each, told_of in seen.items():
        details[f"{each}_cpu_ms"] = round(1e3 * median(cpu for cpu, _ in told_of), 1)
        details[f"{each}_mb"] = round(median(mb for _, mb in told_of), 1)
    results = []
    for what, unit, limit in zip(("processor time", "memory"), ("cpu_ms", "mb"), LIMITS[name], strict=True):
        ratio = details[f"edgemm_{unit}"] / details[f"{other}_{unit}"]  # type: ignore[operator]
        results.append(
            {
                "name": f"cold start of {name} to the first answer, against {other.replace('_', ' ')}: {what}",
                "ratio": ratio,
                "limit": limit,
                "ok": ratio <= limit,
                "details": details,
            }
        )
    return results


def _once(python: str, program: str, folder: str) -> tuple[float, float]:
    """Seconds of processor time, and 10^6 bytes."""
    environment = {
        **os.environ,
        "EDGEMM_CACHE_DIR": f"{folder}/cache",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if python == sys.executable:
        environment |= {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
    else:
        environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [python, "-c", program + _TOLD],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    cpu, mb = done.stdout.split()[-2:]
    return float(cpu), float(mb)


def main() -> int:
    """Prints the results as JSON; 1 when a limit is missed."""
    results = run()
    print(json.dumps(results, indent=1))
    return 0 if all(each["ok"] for each in results) else 1


if __name__ == "__main__":
    sys.exit(main())
