"""What commands write to stderr is edgemm's own: lines of the runtimes do not come through."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from edgemm import data
from edgemm.runtime_noise import without_noise

pytestmark = pytest.mark.device

LOUD = Path(__file__).parents[1] / "assets" / "loud.tflite"
DIGITS = data.path("models/digits.onnx")
PICTURES = data.path("digits/3")


def stderr_of(*words: str | Path) -> list[str]:
    command = [sys.executable, "-m", "edgemm", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    "words",
    [
        ("run", DIGITS, "--source", PICTURES, "--limit", "1"),
        ("bench", DIGITS, "--runs", "2"),
        ("bench", LOUD, "--runs", "2"),
        ("inspect", LOUD),
        ("verify", LOUD),
        ("doctor",),
    ],
)
def test_only_edgemm_speaks(words: tuple[str | Path, ...]) -> None:
    assert [line for line in stderr_of(*words) if not line.startswith("edgemm: ")] == []


def test_verbose_shows_what_the_runtimes_say() -> None:
    assert any("XNNPACK" in line for line in stderr_of("bench", LOUD, "--runs", "2", "--verbose"))


def test_a_picture_with_a_bad_profile_is_no_news(tmp_path: Path) -> None:
    good = sorted(PICTURES.glob("*.png"))[0].read_bytes()
    profile = b"iCCP" + b"x\0\0" + zlib.compress(b"no profile")
    chunk = struct.pack(">I", len(profile) - 4) + profile + struct.pack(">I", zlib.crc32(profile))
    (tmp_path / "a.png").write_bytes(good[:33] + chunk + good[33:])
    assert stderr_of("run", DIGITS, "--source", tmp_path / "a.png", "--card", card(tmp_path)) == []


def card(folder: Path) -> Path:
    from edgemm.card.presets import preset

    path = folder / "card.json"
    path.write_text(preset("mnist").to_json(), encoding="utf-8")
    return path


CHILD = """
import os, sys
from edgemm.runtime_noise import hide, without_noise
if sys.argv[1] == "hide":
    hide()
with without_noise(), without_noise():
    os.write(2, b"INFO: one\\n")
    print("edgemm: two", file=sys.stderr)
    os.write(2, b"ERROR: three\\n\\x1b[0;93m2026-01-01 10:00:00.1 [W:onnxruntime:, x] four\\x1b[m\\n")
    os.write(2, b"2026-01-01 10:00:00.1 [E:onnxruntime:, x] five\\nI0000 00:00:17 1 x.cc:1] six\\n")
    if sys.argv[1] == "hide" and len(sys.argv) > 2:
        raise SystemExit("INFO is a word")
os.write(2, b"INFO: seven\\n")
"""


def test_errors_come_through_and_in_order() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD, "hide"], capture_output=True, text=True, check=True)
    assert [line.split()[-1] for line in done.stderr.splitlines()] == ["two", "three", "five", "seven"]


def test_what_is_said_while_an_error_leaves_comes_through() -> None:
    command = [sys.executable, "-c", CHILD, "hide", "raise"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "INFO is a word"
    assert "three" in done.stderr


def test_an_application_keeps_its_stderr() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD, "no"], capture_output=True, text=True, check=True)
    assert "INFO: one" in done.stderr


def test_without_stderr_nothing_fails() -> None:
    command = f'"{sys.executable}" -m edgemm bench "{LOUD}" --runs 2 2>&-'
    assert subprocess.run(["bash", "-c", command], stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_no_descriptor_is_kept() -> None:
    before = len(os.listdir("/proc/self/fd"))
    from edgemm import runtime_noise

    hidden, runtime_noise._hidden = runtime_noise._hidden, True
    try:
        for _ in range(50):
            with without_noise():
                pass
    finally:
        runtime_noise._hidden = hidden
    assert len(os.listdir("/proc/self/fd")) == before
