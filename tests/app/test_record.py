"""Lines in a file: each whole, or not there and counted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgemm.app.record import Record

pytestmark = pytest.mark.device


def lines(path: Path) -> list[dict[str, int]]:
    content = path.read_bytes()
    assert content.endswith(b"\n") or not content
    return [json.loads(line) for line in content.splitlines()]


def test_every_object_is_one_line_and_files_grow(tmp_path: Path) -> None:
    for start in (0, 2):
        with Record(tmp_path / "r.jsonl") as record:
            for n in range(start, start + 2):
                record.add({"n": n, "text": "a\nb"})
    assert [each["n"] for each in lines(tmp_path / "r.jsonl")] == [0, 1, 2, 3]


def test_a_line_that_was_never_finished_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"n": 0}\n{"n": 1, "te')
    with Record(tmp_path / "r.jsonl") as record:
        record.add({"n": 2})
    assert lines(tmp_path / "r.jsonl") == [{"n": 0}, {"n": 2}]


def test_a_full_disk_costs_lines_that_are_counted_and_never_half_a_line(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from edgemm.app.record import Record\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))\n"
        "record = Record(sys.argv[1])\n"
        "for n in range(100): record.add({'n': n, 'text': 'x' * 80})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "record.add({'n': 100})\n"  # there is room again
        "print(record.written, record.not_written)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "r.jsonl")], capture_output=True, text=True, check=True
    )
    written, not_written = map(int, done.stdout.split())
    found = lines(tmp_path / "r.jsonl")
    assert written + not_written == 101
    assert len(found) == written < 60
    assert [each["n"] for each in found] == [*range(written - 1), 100]


def test_killed_at_any_moment_leaves_whole_lines_once_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    code = (
        "import sys, itertools; from edgemm.app.record import Record; record = Record(sys.argv[1])\n"
        "for n in itertools.count(record.written): record.add({'n': n, 'text': 'x' * 20000})"
    )
    for _ in range(5):
        child = subprocess.Popen([sys.executable, "-c", code, str(path)])
        size = path.stat().st_size if path.exists() else 0
        while not path.exists() or path.stat().st_size < size + 200_000:
            assert child.poll() is None
        child.send_signal(signal.SIGKILL)
        child.wait()
    Record(path).close()
    assert len(lines(path)) >= 50


@pytest.mark.parametrize("place", [os.devnull, "."])
def test_a_device_or_a_folder_is_no_record(place: str) -> None:
    with pytest.raises(OSError, match=r"expected a file|directory"):
        Record(place)
