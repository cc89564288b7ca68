"""Files that end, and what is kept of them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from edgemm.errors import InputError
from edgemm.sinks.record import Record
from edgemm.sinks.rotation import Rotation, age_s, ended_files
from edgemm.sinks.stamp import boot_id

pytestmark = pytest.mark.device


def sequences(path: Path) -> list[int]:
    return [json.loads(each)["sequence"] for each in path.read_text().splitlines()]


def fill(path: Path, rotation: Rotation, count: int, *, start: int = 0, size: int = 100) -> Record:
    with Record(path, rotation=rotation) as record:
        for number in range(start, start + count):
            record.add({"sequence": number, "text": "x" * size})
    return record


def test_a_file_ends_before_it_is_too_large_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    record = fill(path, Rotation(rotate_bytes=2000), 40)
    files = [*ended_files(path), path]
    assert record.rotated == len(files) - 1 > 2
    assert [file.name for file in files[:2]] == ["r.000001.jsonl", "r.000002.jsonl"]
    assert all(file.stat().st_size <= 2000 for file in files)
    assert [number for file in files for number in sequences(file)] == list(range(40))


def test_numbers_go_on_after_a_restart_and_no_file_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    fill(path, Rotation(rotate_bytes=1000), 20)
    before = len(ended_files(path))
    (tmp_path / "r.000040.jsonl").write_text('{"sequence": 99}\n')
    fill(path, Rotation(rotate_bytes=1000), 20, start=20)
    assert (tmp_path / "r.000041.jsonl").exists()
    assert sequences(tmp_path / "r.000040.jsonl") == [99]
    assert len(ended_files(path)) > before + 1


def test_only_so_many_files_are_kept_and_the_oldest_go(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    record = fill(path, Rotation(rotate_bytes=1000, keep_files=2), 40)
    assert len(ended_files(path)) == 2
    assert record.removed == record.rotated - 2
    kept = [number for file in [*ended_files(path), path] for number in sequences(file)]
    assert kept == list(range(40 - len(kept), 40))


@pytest.mark.parametrize("rotation", [Rotation(max_bytes=5000), Rotation(max_bytes=5000, rotate_bytes=5000)])
def test_all_files_together_stay_within_the_bound_at_every_moment(tmp_path: Path, rotation: Rotation) -> None:
    path = tmp_path / "r.jsonl"
    with Record(path, rotation=rotation) as record:
        for number in range(100):
            record.add({"sequence": number, "text": "x" * (number * 37 % 300)})
            assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 5000
    assert record.written == 100


def test_a_bound_that_became_smaller_holds_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    fill(path, Rotation(rotate_bytes=1000), 60)
    (tmp_path / "r.jsonl.txt").write_text("of somebody else")
    (tmp_path / "r.01.jsonl").write_text("of somebody else")
    record = Record(path, rotation=Rotation(max_bytes=4000))
    record.close()
    assert record.removed > 0
    assert sum(file.stat().st_size for file in [*ended_files(path), path]) <= 4000
    assert len(list(tmp_path.glob("r*.*"))) == len(ended_files(path)) + 3


def test_a_line_larger_than_everything_is_not_written(tmp_path: Path) -> None:
    record = fill(tmp_path / "r.jsonl", Rotation(max_bytes=1000), 1, size=2000)
    assert (record.written, record.not_written) == (0, 1)


def test_a_line_larger_than_a_file_has_one_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    fill(path, Rotation(rotate_bytes=500), 3, size=1000)
    assert [sequences(file) for file in [*ended_files(path), path]] == [[0], [1], [2]]


def test_permissions_go_from_file_to_file(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.touch(0o600)
    fill(path, Rotation(rotate_bytes=500), 20)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_a_file_ends_when_it_is_old_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with Record(path, rotation=Rotation(rotate_s=3600)) as record:
        record.add({"sequence": 0, "captured_ns": time.monotonic_ns() - 3_599 * 10**9})
        record.add({"sequence": 1})
    assert record.rotated == 0
    with Record(path, rotation=Rotation(rotate_s=3598)) as record:
        record.add({"sequence": 2})
    assert record.rotated == 1
    assert sequences(path) == [2]


def test_age_is_by_the_clock_that_is_known() -> None:
    line = json.dumps(
        {"captured_ns": 5 * 10**9, "boot": "a", "captured_utc": "2026-01-01T00:00:00.000Z"}
    ).encode()
    utc_s = 1767225600 + 100.0
    assert age_s(line, "a", 8 * 10**9, utc_s) == 3  # this boot: by the monotonic clock
    assert age_s(line, "b", 8 * 10**9, utc_s) == 100
    assert age_s(line, "b", 8 * 10**9, utc_s - 500) == 0  # the clock was set back
    assert age_s(b'{"sequence": 1}', boot_id(), 1, 1.0) == 0
    assert age_s(b"\xff[", "a", 1, 1.0) == 0


def test_a_file_that_logrotate_moved_away_is_not_renamed_again(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with Record(path, rotation=Rotation(rotate_bytes=400)) as record:
        record.add({"sequence": 0, "text": "x" * 300})
        path.rename(tmp_path / "old")
        record.add({"sequence": 1, "text": "x" * 300})
    assert record.written == 2
    assert record.rotated == 0
    assert sequences(path) == [1]


def test_what_contradicts_itself_is_refused() -> None:
    with pytest.raises(InputError, match="room for at least one"):
        Rotation(rotate_bytes=10, max_bytes=5)
    with pytest.raises(InputError, match="a size or an age"):
        Rotation(keep_files=3)
