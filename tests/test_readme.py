"""The README is true: its first commands run as printed, its links lead somewhere, its options exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from edgemm.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROMISED = re.compile(
    r"^The fourth command prints, beside its notes:\n\n```text\n(.*?)^```", re.MULTILINE | re.DOTALL
)


def commands(part: str) -> list[list[str]]:
    """The edgemm commands in the shell blocks of a part of the README, in words."""
    lines = "\n".join(SHELL.findall(part)).replace("\\\n", " ").splitlines()
    words = [shlex.split(one, comments=True) for line in lines for one in line.split(" && ")]
    return [each[1:] for each in words if each and each[0] == "edgemm"]


FIRST_STEPS = README[README.index("## First steps") : README.index("## What you can do")]


def test_the_first_commands_run_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--output", "out/demo", "--camera", "none", "--microphone", "none"]) == 0
    printed = []
    for command in commands(FIRST_STEPS):
        capsys.readouterr()
        there = [str(ROOT / word) if word.startswith("edgemm/data") else word for word in command]
        assert main(there) == 0, command
        printed.append(capsys.readouterr().out)
    assert len(printed) == 6
    assert printed[0].count("edgemm/data/digits/") == 40
    for word in ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"):
        assert re.search(rf"\b{word}\b", printed[1])
    assert printed[2].count("out/demo/scenes.avi") == 120
    assert (tmp_path / "found.webm").stat().st_size > 10_000
    promised = PROMISED.search(FIRST_STEPS)
    assert promised
    columns = [re.split(r"  +", line) for line in promised.group(1).splitlines()]
    found = [re.split(r"  +", line) for line in printed[3].splitlines()[: len(columns)]]
    assert found[0] == columns[0]  # the size, to the byte: the same conversion on every machine
    assert found[1] == columns[1]
    assert float(found[2][1]) == pytest.approx(float(columns[2][1]), abs=1)  # dB: instruction sets differ


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 5
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
