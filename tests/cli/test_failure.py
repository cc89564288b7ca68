"""Errors of every kind, as the command line tells them."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgemm import data
from edgemm.cli import main
from edgemm.errors import DamagedArtifact

pytestmark = pytest.mark.device

DIGITS = data.path("models/digits.onnx")
PICTURES = data.path("digits/3")


def fails_with(error: BaseException, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """`edgemm inspect x` where the command raises `error`."""

    def run(*_: Any) -> int:
        raise error

    monkeypatch.setattr("edgemm.inspection.inspect", run)
    return main(["inspect", "x", *words])


ERRORS = [
    (DamagedArtifact("cut short"), "DamagedArtifact", "cut short", 6),
    (OSError(errno.ENOSPC, "No space left on device", "out.json"), "OSError", "out.json: No space left", 1),
    (PermissionError(errno.EACCES, "Permission denied"), "PermissionError", "Permission denied", 1),
    (OSError("odd"), "OSError", "odd", 1),
    (KeyError("x"), "KeyError", "internal error, KeyError: 'x'. This is a fault in edgemm: please report", 1),
    (RecursionError("too deep"), "RecursionError", "internal error, RecursionError: too deep", 1),
    (MemoryError(), "MemoryError", "not enough memory", 1),
    (KeyboardInterrupt(), "KeyboardInterrupt", "interrupted", 130),
]
every_error = pytest.mark.parametrize(
    ("error", "name", "message", "code"), ERRORS, ids=[each[1] for each in ERRORS]
)


@every_error
def test_an_error_is_one_line(
    error: BaseException, name: str, message: str, code: int,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert fails_with(error, monkeypatch) == code
    caught = capsys.readouterr()
    assert (caught.out, caught.err.count("\n")) == ("", 1)
    assert caught.err.startswith("edgemm: ")
    assert message in caught.err


@every_error
def test_an_error_under_json_is_one_object(
    error: BaseException, name: str, message: str, code: int,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert fails_with(error, monkeypatch, "--json") == code
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["error"], told["exit_code"]) == ("edgemm.error/1", name, code)
    assert message in told["message"]


def test_a_traceback_is_shown_with_verbose_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails_with(ZeroDivisionError("1/0"), monkeypatch, "--verbose")
    assert "Traceback" in capsys.readouterr().err
    fails_with(ZeroDivisionError("1/0"), monkeypatch)
    assert "Traceback" not in capsys.readouterr().err


def test_errors_of_run_take_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["run", "no-such.tflite", "--source", "x", "--json"], ["run", "--json"]):
        main(words)
        (line,) = capsys.readouterr().out.splitlines()
        assert json.loads(line)["schema"] == "edgemm.error/1"


def test_what_was_measured_stands_in_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(DIGITS), "--runs", "3", "--max-p99", "0", "--json"]) == 4
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["error"], told["exit_code"]) == ("edgemm.error/1", "LatencyMissed", 4)
    assert told["measured"]["schema"] == "edgemm.bench/1"
    assert told["measured"]["p99_ms"] > 0


def shell(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    whole = command.replace("edgemm ", f'"{sys.executable}" -m edgemm ')
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {whole}"], capture_output=True, text=True, errors="surrogateescape",
        env={**os.environ, **variables}, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (f"edgemm run {DIGITS} --source {PICTURES} --json", 0),
        (f"edgemm run {DIGITS} --source {PICTURES}", 0),
        (f"edgemm inspect {DIGITS}", 0),
        (f"edgemm bench {DIGITS} --runs 2 --json", 0),
        ("edgemm doctor", 0),
        ("edgemm --help", 0),
        ("edgemm --version", 0),
        ("edgemm inspect no-such --json", 2),
        ("edgemm inspect --no-such --json", 2),
        (f"edgemm bench {DIGITS} --runs 2 --max-p99 0 --json", 4),
    ],
)
def test_a_closed_pipe_is_silent_and_the_exit_code_stays(command: str, code: int) -> None:
    done = shell(f"({command} || echo failed $? >&2) | true")
    said = [line for line in done.stderr.splitlines() if not line.startswith("edgemm: ")]
    assert said == ([f"failed {code}"] if code else [])


def test_a_full_disk_behind_stdout_is_an_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this machine lacks /dev/full")
    done = shell("edgemm --help > /dev/full")
    assert (done.returncode, done.stderr) == (1, "edgemm: standard output: No space left on device\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_change_nothing(closed: str, tmp_path: Path) -> None:
    record = tmp_path / "r.jsonl"
    done = shell(f"edgemm run {DIGITS} --source {PICTURES} --limit 2 --record {record} {closed}")
    assert done.returncode == 0
    assert [json.loads(line)["sequence"] for line in record.read_text().splitlines()] == [0, 1]


ENCODINGS = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "utf-8"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("variables", ENCODINGS, ids=str)
@pytest.mark.parametrize("name", ["7é数🙂".encode(), b"7\xff\xe9"], ids=["unicode", "no-unicode"])
@pytest.mark.parametrize("json_", ["", "--json"])
def test_text_that_the_terminal_lacks_is_replaced(
    variables: dict[str, str], name: bytes, json_: str, tmp_path: Path
) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    folder.mkdir()
    (folder / os.fsdecode(name + b".png")).write_bytes(sorted(PICTURES.glob("*.png"))[0].read_bytes())
    model = folder / os.fsdecode(name + b".onnx")
    model.write_bytes(DIGITS.read_bytes())
    words = [
        f"run '{model}' --source '{folder}' {json_}",
        f"inspect '{model}' {json_}",
        f"verify '{model}' {json_}",
    ]
    for each, code in zip(words, (0, 0, 6), strict=True):
        done = shell(f"edgemm {each}", **variables)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
        if json_ and "run" in each:
            assert [json.loads(line) for line in done.stdout.splitlines()]
        elif json_:
            assert json.loads(done.stdout)
    done = shell(f"edgemm inspect '{folder}/none' {json_}", **variables)
    assert (done.returncode, "there is no such file" in done.stderr) == (2, True)
