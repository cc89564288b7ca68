"""Lines in a file: each whole, or not there and counted."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from edgemm.errors import InputError
from edgemm.sinks import shared_file
from edgemm.sinks.record import Record

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
    assert [each["sequence"] for each in lines(tmp_path / "r.jsonl")] == [0, 2]


def test_a_full_disk_costs_lines_that_are_counted_and_never_half_a_line(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from edgemm.sinks.record import Record\n"
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
        "import sys, itertools; from edgemm.sinks.record import Record; record = Record(sys.argv[1])\n"
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


def test_a_disk_that_does_not_even_cut_costs_lines_and_the_next_is_whole(
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
    assert [each["sequence"] for each in lines(tmp_path / "r.jsonl")] == [0, 2]


def test_what_is_no_number_is_null_and_what_is_no_text_is_told(tmp_path: Path) -> None:
    with Record(tmp_path / "r.jsonl") as record:
        record.add({"sequence": 0, "values": [float("nan"), 1.0, float("inf")], "origin": "a\udcff.png"})
    (found,) = lines(tmp_path / "r.jsonl")
    assert (found["values"], found["origin"]) == ([None, 1.0, None], "a\ufffd.png")


def test_a_disk_that_never_cuts_leaves_one_bad_line_and_the_next_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "ftruncate", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    (tmp_path / "r.jsonl").write_text('{"sequence": 0}\n{"seq')
    with Record(tmp_path / "r.jsonl") as record:
        record.add({"sequence": 2})
    whole = (tmp_path / "r.jsonl").read_text().splitlines()
    assert [json.loads(each)["sequence"] for each in (whole[0], whole[2])] == [0, 2]


def test_a_line_says_when_in_which_boot_and_by_whom(tmp_path: Path) -> None:
    before = datetime.now(timezone.utc)
    captured_ns = time.monotonic_ns() - 3_000_000_000  # three seconds ago
    with Record(tmp_path / "r.jsonl", app="door") as record:
        record.add({"sequence": 0, "captured_ns": captured_ns})
        record.add({"sequence": 1})
    first, second = lines(tmp_path / "r.jsonl")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["captured_utc"])
    captured, written = (
        datetime.fromisoformat(each["captured_utc"].replace("Z", "+00:00")) for each in (first, second)
    )
    assert abs((captured - before).total_seconds() + 3) < 1
    assert abs((written - before).total_seconds()) < 1
    assert first["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert first["app"] == "door"
    assert list(first)[:3] == ["schema", "sequence", "captured_ns"]
    assert first["schema"] == "edgemm.record/1"


@pytest.mark.parametrize(("there", "made"), [(b'{"sequence": 0}\n', "theirs"), (None, None)])
def test_a_link_is_not_followed(tmp_path: Path, there: bytes | None, made: str | None) -> None:
    if there is not None:
        (tmp_path / "theirs").write_bytes(there)
    (tmp_path / "r.jsonl").symlink_to("theirs")
    with pytest.raises(InputError, match=r"found a link to theirs\. Name the file itself"):
        Record(tmp_path / "r.jsonl")
    assert (tmp_path / "theirs").exists() == (made is not None)


def test_two_programs_write_into_one_file_and_no_line_is_torn(tmp_path: Path) -> None:
    code = (
        "import sys; from edgemm.sinks.record import Record\n"
        "with Record(sys.argv[1]) as record:\n"
        " for n in range(300): record.add({'sequence': n, 'writer': sys.argv[2], 'text': 'x' * (n * 97 % 9000)})"
    )
    path = tmp_path / "r.jsonl"
    children = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in "abc"]
    assert [child.wait() for child in children] == [0, 0, 0]
    found = lines(path)
    for name in "abc":
        assert [each["sequence"] for each in found if each["writer"] == name] == list(range(300))


def test_a_line_that_another_program_is_writing_is_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the lock: a program that opens the file meanwhile waits for it."""
    monkeypatch.setattr(shared_file, "_LOCK_S", 600.0)
    path = tmp_path / "r.jsonl"
    path.write_text('{"sequence": 0}\n')
    with open(path, "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(b'{"sequence": 1, "te')
        other.flush()
        opened: list[Record] = []
        thread = threading.Thread(target=lambda: opened.append(Record(path)))
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        other.write(b'xt": 3}\n')
        other.flush()
        fcntl.flock(other, fcntl.LOCK_UN)
        thread.join()
    opened[0].close()
    assert [each["sequence"] for each in lines(path)] == [0, 1]


def test_a_program_that_hangs_with_the_file_costs_lines_and_little_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_file, "_LOCK_S", 0.05)
    with Record(tmp_path / "r.jsonl") as record, open(tmp_path / "r.jsonl", "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        waits: list[float] = []
        monkeypatch.setattr(time, "sleep", waits.append)
        record.add({"sequence": 0})
        first = len(waits)
        record.add({"sequence": 1})
        assert first > 0
        assert len(waits) == first  # known to hang: not waited for again
        fcntl.flock(other, fcntl.LOCK_UN)
        record.add({"sequence": 2})
    assert (record.written, record.not_written) == (1, 2)


def test_a_file_that_was_moved_away_is_begun_anew_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with Record(path) as record:
        record.add({"sequence": 0})
        path.rename(tmp_path / "old")
        record.add({"sequence": 1})  # until it is asked, it belongs to the old file
        record.reopen()
        record.add({"sequence": 2})
    assert [each["sequence"] for each in lines(tmp_path / "old")] == [0, 1]
    assert [each["sequence"] for each in lines(path)] == [2]


def test_a_file_that_was_removed_or_replaced_is_begun_anew_at_once(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with Record(path) as record:
        record.add({"sequence": 0})
        path.unlink()
        record.add({"sequence": 1})
        assert [each["sequence"] for each in lines(path)] == [1]
        (tmp_path / "other").write_text('{"sequence": 7}\n')
        (tmp_path / "other").rename(path)
        record.add({"sequence": 8})
    assert [each["sequence"] for each in lines(path)] == [7, 8]


def test_a_folder_that_is_gone_costs_lines_until_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    with Record(folder / "r.jsonl") as record:
        folder.rename(tmp_path / "gone")
        record.reopen()
        record.add({"sequence": 0})
        folder.mkdir()
        record.add({"sequence": 1})
    assert (record.written, record.not_written) == (1, 1)
    assert [each["sequence"] for each in lines(folder / "r.jsonl")] == [1]


def test_a_link_put_in_its_place_meanwhile_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with Record(path) as record:
        path.unlink()
        path.symlink_to(tmp_path / "theirs")
        record.add({"sequence": 0})
    assert record.not_written == 1
    assert not (tmp_path / "theirs").exists()


def test_where_a_source_is_from_is_recorded_without_its_password(tmp_path: Path) -> None:
    with Record(tmp_path / "r.jsonl") as record:
        record.add(
            {"sequence": 0, "origin": "rtsp://u:hunter2@h/1?sig=hunter2", "result": {"text": "a=b?key=c"}}
        )
    (found,) = lines(tmp_path / "r.jsonl")
    assert found["origin"] == "rtsp://h/1?sig=***"
    assert found["result"] == {"text": "a=b?key=c"}  # the model's own words stay as they are


def test_a_closed_record_takes_no_line(tmp_path: Path) -> None:
    record = Record(tmp_path / "r.jsonl")
    record.close()
    record.close()
    record.add({"sequence": 0})
    assert record.not_written == 1
