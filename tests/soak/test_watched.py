"""Nothing goes out and nothing is written where it was not asked for, as the kernel sees it.

A runtime's look-up may come many seconds after it was loaded: in the whole soak each process lives on for 30 s.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from needs import package
from watch import Watched, needs_strace, watch

import edgemm
from edgemm import data
from edgemm.onnx_runtime import TELEMETRY

Rounds = Callable[[int, int], int]
BUNDLED = Path(data.__file__).parent
RUN = ("--source", str(BUNDLED / "digits" / "7"), "--json", "--limit", "3")
CONVERT = (str(BUNDLED / "models" / "digits.onnx"), "--calibrate", str(BUNDLED / "digits"), "-o")
COMMANDS: dict[str, tuple[str, ...]] = {
    "run .onnx": ("run", str(BUNDLED / "models" / "digits.onnx"), *RUN),
    "run .tflite": ("run", "digits.tflite", *RUN),
    "convert .tflite": ("convert", *CONVERT, "out/new.tflite"),
    "convert .onnx": ("convert", *CONVERT, "out/new.onnx"),
    "doctor": ("doctor",),
    "demo": ("demo", "--output", "out/demo", "--camera", "none", "--microphone", "none"),
}
SLICE = 2
"""So many of them in `make test`."""


class House:
    """A home, a cache and a temporary folder of their own, and a current folder with a foreign .tflite in it."""

    def __init__(self, root: Path) -> None:
        self.home, self.cache, self.temporary, self.here = (
            root / n for n in ("home", "cache", "tmp", "here")
        )
        for folder in (self.home, self.temporary, self.here, self.here / "out"):
            folder.mkdir()
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("XDG_", TELEMETRY))
        }
        self.environment = {
            **clean, "HOME": str(self.home), "EDGEMM_CACHE_DIR": str(self.cache), "TMPDIR": str(self.temporary),
            "PYTHONPATH": str(Path(edgemm.__file__).resolve().parents[1]), "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        command = [sys.executable, "-m", "edgemm", "convert", *CONVERT, "digits.tflite"]
        subprocess.run(command, cwd=self.here, env=self.environment, capture_output=True, check=True)
        for entry in (self.cache / "trusted").iterdir():
            entry.unlink()  # it comes from elsewhere, so that the probe's child is watched too

    def watched(self, name: str, stay_s: float) -> Watched:
        return watch(COMMANDS[name], self.here, self.environment, stay_s=stay_s)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    needs_strace()
    for name in ("onnxruntime", "onnx_ir", "cv2", "ai_edge_litert.interpreter"):
        package(name)
    return House(tmp_path_factory.mktemp("house"))


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_reaches_and_writes_only_what_it_was_asked_to(
    house: House, name: str, rounds: Rounds
) -> None:
    if list(COMMANDS).index(name) >= rounds(len(COMMANDS), SLICE):
        pytest.skip("watched for 30 s in `make sweep` alone")
    seen = house.watched(name, rounds(30, 0))
    assert seen.code == 0, seen.said
    assert seen.network == ()
    assert seen.outside(house.cache, house.temporary, house.here / "out") == []
    assert list(house.temporary.iterdir()) == []
    assert list(house.home.rglob("*")) == []


@pytest.mark.slow
def test_the_watch_sees_what_it_looks_for(house: House, rounds: Rounds) -> None:
    """ONNX Runtime with its telemetry on, and a look-up, are noticed: otherwise the tests above prove nothing."""
    (house.here / "edgemm").mkdir(exist_ok=True)
    (house.here / "edgemm" / "__init__.py").touch()
    (house.here / "edgemm" / "cli.py").write_text(
        "def main(arguments):\n import socket\n open('/tmp/edgemm-watched', 'w').close()\n"
        " try: socket.getaddrinfo('invalid.invalid', 80)\n except OSError: pass\n return 0\n"
    )
    environment = {**house.environment, "PYTHONPATH": str(house.here)}
    seen = watch((), house.here, environment)
    os.unlink("/tmp/edgemm-watched")
    assert seen.code == 0, seen.said
    assert any("/etc/hosts" in call or "AF_INET" in call for call in seen.network)
    assert "/tmp/edgemm-watched" in seen.outside(house.here)
