"""Lines in a file: each whole, or not there and counted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgemm.app.record import Record
from edgemm.errors import InputError

pytestmark = pytest.mark.device


def lines(path: Path) -> list[dict[str, Any]]:
    content = path.read_bytes()
    assert content.endswith(b"\n") or not content
    return [json.loads(line) for line in content.splitlines()]


def test_every_object_is_one_line_and_files_grow(tmp_path: Path) -> None:
    for start in (0, 2):
        with Record(tmp_path / "r.jsonl") as record:
            for n in range(start, start + 2):
                record.add({"sequence": n, "text": "a\nb"})
    assert [each["sequence"] for each in lines(tmp_path / "r.jsonl")] == [0, 1, 2, 3]


def test_a_line_that_was_never_finished_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"sequence": 0}\n{"sequence": 1, "te')
    with Record(tmp_path / "r.jsonl") as record:
        record.add({"sequence": 2})
    assert lines(tmp_path / "r.jsonl") == [{"sequence": 0}, {"sequence": 2}]


def test_a_full_disk_costs_lines_that_are_counted_and_never_half_a_line(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from edgemm.app.record import Record\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))\n"
        "record = Record(sys.argv[1])\n"
        "for n in range(100): record.add({'sequence': n, 'text': 'x' * 80})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "record.add({'sequence': 100})\n"  # there is room again
        "print(record.written, record.not_written)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "r.jsonl")], capture_output=True, text=True, check=True
    )
    written, not_written = map(int, done.stdout.split())
    found = lines(tmp_path / "r.jsonl")
    assert written + not_written == 101
    assert len(found) == written < 60
    assert [each["sequence"] for each in found] == [*range(written - 1), 100]


def test_killed_at_any_moment_leaves_whole_lines_once_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    code = (
        "import sys, itertools; from edgemm.app.record import Record; record = Record(sys.argv[1])\n"
        "for n in itertools.count(record.written): record.add({'sequence': n, 'text': 'x' * 20000})"
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


@pytest.mark.parametrize("place", [os.devnull, ".", "/nowhere/at/all"])
def test_a_device_or_a_folder_is_no_record(place: str) -> None:
    with pytest.raises(InputError, match=r"record .*: expected a file"):
        Record(place)


@pytest.mark.parametrize("content", [b"{}", b'{"schema": "edgemm.app/1"}', b"TFL3 a model", b"a\nb"])
def test_another_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "app.json").write_bytes(content)
    with pytest.raises(InputError, match="expected a file of results, or none"):
        Record(tmp_path / "app.json")
    assert (tmp_path / "app.json").read_bytes() == content


def test_a_disk_that_does_not_even_cut_costs_lines_and_the_next_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worn card does: it takes a part of a line, then neither the rest nor its removal."""
    with Record(tmp_path / "r.jsonl") as record:
        record.add({"sequence": 0})
        with monkeypatch.context() as broken:
            write, taken = os.write, [0]

            def part(file: int, data: bytes) -> int:
                taken[0] += 1
                if taken[0] > 1:
                    raise OSError(5, "Input/output error")
                return write(file, data[:7])

            broken.setattr(os, "write", part)
            broken.setattr(
                os, "ftruncate", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error"))
            )
            record.add({"sequence": 1})
        record.add({"sequence": 2})
    assert (record.written, record.not_written) == (2, 1)
    whole = (tmp_path / "r.jsonl").read_text().splitlines()
    assert [json.loads(each)["sequence"] for each in (whole[0], whole[2])] == [0, 2]


def test_what_is_no_number_is_null_and_what_is_no_text_is_told(tmp_path: Path) -> None:
    with Record(tmp_path / "r.jsonl") as record:
        record.add({"sequence": 0, "values": [float("nan"), 1.0, float("inf")], "origin": "a\udcff.png"})
    (found,) = lines(tmp_path / "r.jsonl")
    assert found == {"sequence": 0, "values": [None, 1.0, None], "origin": "a\ufffd.png"}
