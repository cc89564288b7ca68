"""Signals at random moments from the first millisecond: no exception's text, no abort, exit codes as documented."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from edgemm.opencv import opencv

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "tests" / "assets"
DATA = ROOT / "edgemm" / "data"
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
BAD = ("Traceback", "Error", "rror:", "abort", "Abort", "terminate called", "core dumped", "Exception")
WAIT_S = 120


def commands(folder: Path) -> list[list[str]]:
    """Each ends by itself, but for those that play in a loop."""
    picture = str(folder / "grey.png?loop=1&fps=50")
    record = str(folder / "record.jsonl")
    return [
        ["run", str(folder / "digits.tflite"), "--source", picture, "--live", "--json"],
        ["run", str(DATA / "models" / "digits.onnx"), "--source", picture, "--live"],
        [
            "run",
            str(folder / "digits.tflite"),
            "--source",
            picture,
            "--live",
            "--record",
            record,
            "--limit",
            "60",
        ],
        ["convert", str(DATA / "models" / "digits.onnx"), "-o", str(folder / "out.tflite")],
        ["convert", str(DATA / "models" / "digits.onnx"), "-o", str(folder / "out.onnx")],
        ["bench", str(folder / "digits.tflite"), "--runs", "3000"],
        ["bench", str(DATA / "models" / "digits.onnx"), "--runs", "3000"],
        ["inspect", str(folder / "digits.tflite")],
        ["inspect", str(DATA / "models" / "digits.onnx"), "--json"],
        ["doctor"],
    ]


def started(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    """As from a shell: what this process ignores, the command does not."""
    code = (
        "import os, signal, sys\n"
        "for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(number, signal.SIG_DFL)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'edgemm', *sys.argv[1:]])"
    )
    return subprocess.Popen(
        [sys.executable, "-S", "-c", code, *arguments], cwd=folder, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ORT_DISABLE_TELEMETRY": "1"},
    )  # fmt: skip


def wait_for_start(child: subprocess.Popen[str]) -> None:
    """Until the command's own interpreter runs."""
    while child.poll() is None:
        if b"-m\0edgemm" in Path(f"/proc/{child.pid}/cmdline").read_bytes():
            return
        time.sleep(0.0005)


def listens(child: subprocess.Popen[str]) -> bool:
    """True while the kernel says that the command handles SIGTERM, which Python by itself does not."""
    try:
        status = Path(f"/proc/{child.pid}/status").read_text()
    except OSError:
        return False
    caught = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigCgt")]
    return bool(caught) and bool(caught[0] >> (signal.SIGTERM - 1) & 1)


def documented(arguments: list[str], number: int, code: int, listened: bool) -> bool:
    """Done before the signal came; ended as documented; or ended by the signal itself, before the program listened or
    when the interpreter had ended."""
    ended = 0 if arguments[0] == "run" else CODES[signal.Signals(number)]
    return code in (0, ended) or (code == -number and not listened)


def by_python_itself(said: str) -> bool:
    """SIGINT while Python starts, before a line of edgemm is run."""
    return "KeyboardInterrupt" in said and str(ROOT / "edgemm") not in said


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc, to see when the command has begun")
def test_signals_at_random_moments(rounds: Callable[[int, int], int], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx_ir")
    import numpy as np

    cv2 = opencv()
    cv2.imwrite(str(tmp_path / "grey.png"), np.zeros((28, 28), np.uint8))
    prepare = [
        sys.executable,
        "-m",
        "edgemm",
        "convert",
        str(DATA / "models" / "digits.onnx"),
        "-o",
        "digits.tflite",
    ]
    subprocess.run(
        prepare, cwd=tmp_path, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    draw, seen = random.Random(3), Counter[str]()
    wrong: list[str] = []
    for turn in range(rounds(500, 4)):
        arguments = draw.choice(commands(tmp_path))
        number, together = draw.choice([*CODES]), draw.random() < 0.3
        child = started(arguments, tmp_path)
        wait_for_start(child)
        time.sleep(draw.choice([0.0, 0.1, 0.4, 1.0, 3.0]) * draw.random())
        listened = listens(child)
        if child.poll() is None:  # a terminal sends it to the processes that the command has started, too
            (os.killpg if together else os.kill)(child.pid, number)
        out, said = child.communicate(timeout=WAIT_S)
        name = f"{arguments[0]} {signal.Signals(number).name}"
        where = f"round {turn}: {name}{' (group)' if together else ''} -> {child.returncode}: {said[-2000:]}"
        if by_python_itself(said) and not listened:
            seen[f"{name} -> Python's own end"] += 1
            continue
        text = [word for word in BAD if word in said] + ["Traceback"] * ("Traceback" in out)
        if text or not documented(arguments, number, child.returncode, listened):
            wrong.append(where)
        if arguments[0] == "run" and child.returncode == 0 and "captured" in out:
            seen["runs that were drained"] += 1
        seen[f"{name} -> {child.returncode}"] += 1
        seen["listened"] += listened
    assert wrong == []
    print(dict(sorted(seen.items())))  # noqa: T201 - what a soak has seen
