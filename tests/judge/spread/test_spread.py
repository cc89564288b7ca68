"""Pieces here and in processes: the same rows in the same order, whatever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from spread_pieces import ENTRY, until

from edgemm import child_process
from edgemm.errors import InputError
from edgemm.judge.spread import file_hash, spread
from edgemm.judge.spread import files as files_of_pieces

Json = dict[str, Any]


def numbers(count: int = 6, what: str = "row", **more: Any) -> list[Json]:
    return [{"what": what, "number": number, **more} for number in range(count)]


def figures(rows: tuple[Json | None, ...]) -> list[tuple[int, float] | None]:
    return [None if row is None else (row["number"], row["third"]) for row in rows]


EXPECTED = [(number, number / 3) for number in range(6)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_come_in_the_order_of_the_pieces(jobs: int) -> None:
    told: list[tuple[int, int]] = []
    found = spread(numbers(), run=ENTRY, jobs=jobs, on_row=lambda *each: told.append(each))
    assert figures(found.rows) == EXPECTED
    assert (found.failures, found.resumed) == ((), 0)
    assert told == [(done, 6) for done in range(1, 7)]
    processes = {row["process"] for row in found.rows if row}
    assert (os.getpid() in processes) == (jobs == 1)
    assert len(processes) <= jobs
    assert found.rows[0] is not None
    assert found.rows[0]["nothing"] is None  # NaN, wherever it was


def test_a_process_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    found = spread([{"name": "OMP_NUM_THREADS"}] * 2, run="spread_pieces:variable", jobs=2)
    assert found.rows == ({"value": "1"}, {"value": "1"})


def test_equal_pieces_are_done_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    piece = {"what": "row", "number": 4, "log": str(log)}
    found = spread([piece, dict(reversed(piece.items()))], run=ENTRY)
    assert figures(found.rows) == [(4, 4 / 3)] * 2
    assert len(log.read_text().splitlines()) == 1


@pytest.mark.parametrize("what", ["kill-once", "fail-once"])
def test_a_piece_whose_process_dies_is_tried_again(tmp_path: Path, what: str) -> None:
    pieces = numbers()
    pieces[1] |= {"what": what, "marker": str(tmp_path / "was here")}
    found = spread(pieces, run=ENTRY, jobs=2)
    assert figures(found.rows) == EXPECTED
    assert found.failures == ()


def test_a_piece_that_kills_is_given_up_and_the_others_are_done(tmp_path: Path) -> None:
    log = tmp_path / "log"
    pieces = numbers()
    pieces[1] |= {"what": "kill", "log": str(log)}
    found = spread(pieces, run=ENTRY, jobs=2, tries=3)
    assert figures(found.rows) == [EXPECTED[0], None, *EXPECTED[2:]]
    assert [each.piece for each in found.failures] == [pieces[1]]
    assert found.failures[0].reason == "the process that did it was ended by SIGKILL; given up after 3 tries"
    assert len(log.read_text().splitlines()) == 3


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("what", "tries", "reason"),
    [
        ("fail", 2, "ZeroDivisionError: by zero"),
        ("refuse", 1, "a piece: expected another, found this one"),
        ("no-row", 1, "expected a row as a dictionary, found list"),
    ],
)
def test_what_fails_is_told_and_not_tried_in_vain(
    tmp_path: Path, jobs: int, what: str, tries: int, reason: str
) -> None:
    log = tmp_path / "log"
    found = spread([{"what": what, "log": str(log)}, {"what": "row"}], run=ENTRY, jobs=jobs, tries=2)
    assert figures(found.rows) == [None, (0, 0.0)]
    assert reason in found.failures[0].reason
    assert len(log.read_text().splitlines()) == tries


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    rows, log = tmp_path / "rows.jsonl", tmp_path / "log"
    more = {"log": str(log)}
    spread(numbers(3, **more), run=ENTRY, rows=rows)
    found = spread(numbers(6, **more), run=ENTRY, rows=rows)
    assert figures(found.rows) == EXPECTED
    assert found.resumed == 3
    assert [int(line.split()[0]) for line in log.read_text().splitlines()] == list(range(6))
    assert len(rows.read_text().splitlines()) == 6


def test_a_line_that_was_never_finished_is_done_again(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    spread(numbers(3), run=ENTRY, rows=rows)
    rows.write_bytes(rows.read_bytes()[:-20])
    found = spread(numbers(3), run=ENTRY, rows=rows)
    assert (found.resumed, figures(found.rows)) == (2, EXPECTED[:3])
    assert all(json.loads(line) for line in rows.read_text().splitlines())


def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    rows, marker = tmp_path / "rows.jsonl", tmp_path / "marker"
    pieces = [{"what": "fail-once", "marker": str(marker)}]
    assert spread(pieces, run=ENTRY, rows=rows, tries=1).failures
    assert spread(pieces, run=ENTRY, rows=rows, tries=1).failures == ()


def test_rows_of_another_version_are_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tmp_path / "rows.jsonl"
    spread(numbers(2), run=ENTRY, rows=rows)
    monkeypatch.setattr("edgemm.judge.spread.piece.__version__", "9.9")
    assert spread(numbers(2), run=ENTRY, rows=rows).resumed == 0


def test_a_machine_that_was_short_of_something_is_asked_again(tmp_path: Path) -> None:
    pieces = [{"what": "short-once", "number": 1, "marker": str(tmp_path / "was here")}]
    assert figures(spread(pieces, run=ENTRY).rows) == [(1, 1 / 3)]


def test_another_file_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("mine\n")
    with pytest.raises(InputError, match="expected a file of results"):
        spread(numbers(1), run=ENTRY, rows=other)
    assert other.read_text() == "mine\n"
    rows = tmp_path / "rows.jsonl"
    spread(numbers(1), run=ENTRY, rows=rows)
    with rows.open("a") as file:
        file.write("something else\n")
    with pytest.raises(InputError, match=r"rows\.jsonl, line 2: expected a row"):
        spread(numbers(1), run=ENTRY, rows=rows)


def test_files_are_held_to_their_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_of_pieces, "FRESH_S", 0.0)
    file, folder = tmp_path / "model", tmp_path / "data"
    file.write_bytes(b"one")
    (folder / "inside").mkdir(parents=True)
    (folder / "inside" / "a").write_bytes(b"1")
    files = {str(each): file_hash(each) for each in (file, folder)}
    piece = {"what": "row", "files": files}
    assert spread([piece], run=ENTRY).failures == ()
    (folder / "inside" / "a").write_bytes(b"22")
    assert "found another" in spread([piece], run=ENTRY).failures[0].reason
    (folder / "inside" / "a").unlink()
    assert "found another" in spread([piece], run=ENTRY).failures[0].reason
    file.unlink()
    assert "the same files at the same path" in spread([piece], run=ENTRY).failures[0].reason


def test_files_that_were_right_just_now_are_not_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model"
    file.write_bytes(b"one")
    asked: list[str] = []

    def counted(path: str) -> str:
        asked.append(path)
        return file_hash(path)

    monkeypatch.setattr(files_of_pieces, "file_hash", counted)
    right = {str(file): file_hash(file)}
    for _ in range(3):
        files_of_pieces.require_files(right)
    assert asked == [str(file)]
    with pytest.raises(InputError, match="found another"):
        files_of_pieces.require_files({str(file): "0"})


def test_the_hash_of_a_folder_holds_names_and_content(tmp_path: Path) -> None:
    def made(name: str, content: bytes) -> str:
        folder = tmp_path / f"{name}{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / name).write_bytes(content)
        return file_hash(folder)

    assert made("a", b"1") == made("a", b"1")
    assert len({made("a", b"1"), made("b", b"1"), made("a", b"2")}) == 3
    with pytest.raises(InputError, match="cannot be read"):
        file_hash(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "jobs: expected a whole number from 1"),
        ({"jobs": True}, "jobs"),
        ({"tries": 0}, "tries"),
        ({"jobs": 2, "dask": "tcp://127.0.0.1:1"}, "expected 1 with a cluster"),
        ({"rows": Path("/nonexistent/rows.jsonl")}, "cannot be written"),
    ],
)
def test_what_is_out_of_range_is_refused(options: Json, message: str) -> None:
    with pytest.raises(InputError, match=message):
        spread(numbers(1), run=ENTRY, **options)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, float("nan"), object()])
def test_a_piece_is_plain_json(value: object) -> None:
    with pytest.raises(InputError, match="plain JSON values"):
        spread([{"what": value}], run=ENTRY)


def test_nothing_to_do_is_done() -> None:
    assert spread([], run=ENTRY, jobs=4).rows == ()


def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    log, marker = tmp_path / "log", tmp_path / "never"
    program = (
        "from edgemm.judge.spread import spread; "
        f"spread([dict(what='wait', number=n, log={str(log)!r}, marker={str(marker)!r}) for n in (0, 1)], "
        f"run={ENTRY!r}, jobs=2)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(child_process.search_path())}
    parent = subprocess.Popen([sys.executable, "-c", program], env=environment)
    try:
        until(lambda: log.exists() and len(log.read_text().splitlines()) == 2)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    children = [int(line.split()[1]) for line in log.read_text().splitlines()]
    until(lambda: not any(Path(f"/proc/{each}").exists() for each in children))
