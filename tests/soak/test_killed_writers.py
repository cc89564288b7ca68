"""Writers that are killed at random moments: no file is broken, and the next write leaves nothing else."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgemm import atomic
from edgemm.sinks.record import Record

pytestmark = pytest.mark.device
Rounds = Callable[[int, int], int]

WRITER = """
import itertools, os, pathlib, sys
from edgemm import atomic
print("on", flush=True)
for n in itertools.count():
    piece = b"%d" % (n % 10)
    if n % 7 == 6:
        with atomic.trial_folder(pathlib.Path(sys.argv[1])) as folder:
            atomic.write(folder / "tried", [piece] * 10)
    atomic.write(sys.argv[1], [piece * 1000] * 200)
"""
RECORDER = """
import sys
from edgemm.sinks.record import Record
from edgemm.sinks.rotation import Rotation
record = Record(sys.argv[1], rotation=Rotation(rotate_bytes=2_000_000, keep_files=2))
print("on", flush=True)
n = 0
while True:
    record.add({"sequence": n, "writer": sys.argv[2], "text": "x" * 20_000})
    n += 1
"""


def started(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    child = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline()
    return child


def kill(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert child.stdout is not None
    child.stdout.close()


def test_writers_killed_at_random_moments_leave_whole_files(tmp_path: Path, rounds: Rounds) -> None:
    path, chance = tmp_path / "a", random.Random(0)
    atomic.write(path, [b"0" * 200_000])
    path.chmod(0o600)
    for _ in range(rounds(200, 4)):
        child = started(WRITER, str(path))
        time.sleep(chance.uniform(0, 0.03))  # the moment of the kill, not a wait for something
        kill(child)
        content = path.read_bytes()
        assert len(content) == 200_000
        assert len(set(content)) == 1
        assert path.stat().st_mode & 0o777 == 0o600
        atomic.write(tmp_path / "b", [b""])
        assert sorted(os.listdir(tmp_path)) == ["a", "b"]
        (tmp_path / "b").unlink()


def test_two_programs_on_one_record_that_are_killed_tear_no_line(tmp_path: Path, rounds: Rounds) -> None:
    """Rotation included: every line of every file is whole, once the record was opened again."""
    path, chance = tmp_path / "r.jsonl", random.Random(1)
    for each in range(rounds(100, 3)):
        children = [started(RECORDER, str(path), f"{each}-{number}") for number in range(2)]
        time.sleep(chance.uniform(0, 0.1))  # the moment of the kill
        for child in children:
            kill(child)
        Record(path).close()
        for file in tmp_path.iterdir():
            for line in file.read_bytes().splitlines(keepends=True):
                assert line.endswith(b"\n")
                assert len(json.loads(line)["text"]) == 20_000
        assert len(list(tmp_path.iterdir())) <= 3
