"""A machine without PortAudio, OpenCV's libraries or a runtime: every test of the device is collected, and skips."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOMS = ("app", "backends", "capture", "delegates", "device", "preprocess", "recorder", "stream", "tasks")
"""What needs no converter."""
FAILING = {
    "sounddevice": 'OSError("PortAudio library not found")',
    "soundfile": 'OSError("sndfile library not found")',
    "cv2": 'ImportError("libGL.so.1: cannot open shared object file")',
    "soxr": "ModuleNotFoundError",
    "onnxruntime": "ModuleNotFoundError",
    "ai_edge_litert": "ModuleNotFoundError",
    "tflite_runtime": "ModuleNotFoundError",
}
"""Package -> what its import raises: the first three where their library in C is missing."""


@pytest.fixture
def packages(tmp_path: Path) -> dict[str, str]:
    """An environment in which the packages above cannot be imported."""
    for name, error in FAILING.items():
        named = f"(name={name!r})" if error == "ModuleNotFoundError" else ""
        (tmp_path / f"{name}.py").write_text(f"raise {error}{named}\n")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(TESTS.parent)])}


def run(environment: dict[str, str], *arguments: str) -> str:
    """What pytest prints at last; it finds no error."""
    command = [sys.executable, "-m", "pytest", *arguments]
    done = subprocess.run(
        command, env=environment, cwd=TESTS.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return done.stdout


def test_every_room_is_collected(packages: dict[str, str]) -> None:
    run(packages, "--collect-only", *(str(TESTS / room) for room in ROOMS))


def test_what_needs_a_library_skips_and_says_what_to_install(packages: dict[str, str]) -> None:
    rooms = ("recorder/test_account.py", "capture/files/test_jpeg.py", "backends/test_litert_backend.py")
    said = run(packages, "-rs", *(str(TESTS / room) for room in rooms))
    for command in (
        "sudo apt install libportaudio2",
        'pip install --force-reinstall "edgemm[vision]"',  # it is there, and its library in C is not
        'pip install "edgemm[litert]"',
    ):
        assert command in said
