"""Random words on the command line: one object or lines of JSON on stdout, one line on stderr, never a traceback."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from edgemm import data
from edgemm.cli import COMMANDS, IN_LINES, main, parser
from edgemm.cli.completions.tree import read_tree

pytestmark = pytest.mark.device

ODD = [
    "", "-", "--", "-x", "--json", "--nonsense", "x", "7", "-5", "1e999", "nan", "\udcff", "é数🙂", "a b", "\x1b[2J",
    "input=1,3", "=", "x" * 5000, "no-such.onnx", "no-such.tflite", "out.txt", "/dev/null", "/", ".", "..", "app.json",
    "camera:99", "microphone:nobody", "ftp://x", "rtsp:", "*.png", "%s", "{}", "\n", "coral", "edgetpu", "static",
]  # fmt: skip
SLOW = {"demo", "doctor"}
"""Commands that do much without any argument."""


@pytest.mark.filterwarnings("ignore")
def test_random_words(
    rounds: Callable[[int, int], int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.tflite").write_bytes(os.urandom(2000))
    (tmp_path / "app.json").write_text('{"schema": "edgemm.app/1", "streams": {}}')
    options = {
        each.path[1]: [name for option in each.options for name in option.names if name != "-h"]
        for each in read_tree(parser()).all()
        if len(each.path) > 1
    }
    draw = random.Random(11)
    names = sorted(set(COMMANDS) - SLOW)
    for _ in range(rounds(20_000, 300)):
        command = draw.choice(names)
        words = [command, *(any_word(draw, options[command]) for _ in range(draw.randrange(8)))]
        if "--help" in words:
            continue
        if command == "run":
            words += ["--limit", "1"]
        check([*words[:1], "--json", *words[1:]], capsys)


def any_word(draw: random.Random, options: list[str]) -> str:
    """An option of the command, or anything."""
    files = ["broken.tflite", str(data.path("models/digits.onnx"))]
    return draw.choice(options if draw.random() < 0.5 else [*ODD, *files])


def check(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = main(words)
    caught = capsys.readouterr()
    told = f"{words} -> {code}\n{caught.out}\n{caught.err}"
    assert code in range(10), told
    assert "internal error" not in caught.err, told
    if "--verbose" not in words:
        assert "Traceback" not in caught.err, told
    if words[0] in IN_LINES and "--version" not in words:
        assert all("schema" in json.loads(line) for line in caught.out.splitlines()), told
    else:
        assert "schema" in json.loads(caught.out), told
