"""The completion scripts, in the shells themselves."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgemm.cli import COMMANDS, main, parser
from edgemm.cli.completions.tree import Command, first_words, read_tree
from edgemm.cli.words import TARGETS

pytestmark = pytest.mark.device

TREE = read_tree(parser())
EVERY = {" ".join(each.path): each for each in TREE.all()}


def shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"this machine lacks {name}")
    return found


def script(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["completions", name]) == 0
    path = folder / f"edgemm.{name}"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return path


def options_of(command: Command) -> set[str]:
    return {name for option in command.options for name in option.names if name.startswith("--")}


BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 ))
_edgemm
(( ${#COMPREPLY[@]} )) && printf '%s\\n' "${COMPREPLY[@]}"
exit 0
"""


def bash(path: Path, *words: str) -> set[str]:
    command = [shell("bash"), "--norc", "-c", BASH, "bash", str(path), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=path.parent)
    assert done.stderr == ""
    return set(done.stdout.splitlines())


def fish(path: Path, *words: str) -> set[str]:
    line = " ".join(words)
    command = [shell("fish"), "--no-config", "-c", f"source {path}; complete -C '{line}'"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=path.parent)
    assert done.stderr == ""
    return {each.split("\t")[0] for each in done.stdout.splitlines()}


SHELLS = {"bash": bash, "fish": fish}
both = pytest.mark.parametrize("name", SHELLS)

CASES = [
    (["edgemm", ""], set(COMMANDS)),
    (["edgemm", "con"], {"convert"}),
    (["edgemm", "--ver"], {"--version"}),
    (["edgemm", "convert", "--gate", ""], {"fail", "warn", "off"}),
    (["edgemm", "convert", "a.onnx", "-o", "b.onnx", "--gate", "w"], {"warn"}),
    (["edgemm", "convert", "--target", ""], set(TARGETS)),
    (["edgemm", "convert", "--calibrate", "convert", "--sch"], {"--scheme"}),
    (["edgemm", "run", "x.tflite", "--delegate", "edge"], {"edgetpu"}),
    (["edgemm", "run", "x.tflite", "--preset", "silero"], {"silero-vad", "silero-segments"}),
    (["edgemm", "card", ""], {"show", "set", "copy"}),
    (["edgemm", "completions", ""], {"bash", "zsh", "fish"}),
    (["edgemm", "completions", "fi"], {"fish"}),
    (["edgemm", "convert", "--samples", ""], set()),
    (["edgemm", "inspect", "mod"], {"model.tflite"}),
    (["edgemm", "inspect", "model.tflite", "mod"], set()),
    (["edgemm", "card", "copy", "model.tflite", "mod"], {"model.tflite"}),
    (["edgemm", "run", "--card", "mod"], {"model.tflite"}),
    (["edgemm", "convert", "--explain", "mod"], {"model.tflite"}),
]


@both
@pytest.mark.parametrize(
    ("words", "expected"), CASES, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_what_is_offered(
    name: str, words: list[str], expected: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = script(name, tmp_path, capsys)
    (tmp_path / "model.tflite").touch()
    found = SHELLS[name](path, *words)
    if words[:2] == ["edgemm", "card"] and words[-1] == "":
        assert expected <= found
    else:
        assert found == expected


@both
@pytest.mark.parametrize("command", EVERY)
def test_every_option_is_offered(
    name: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = SHELLS[name](script(name, tmp_path, capsys), *command.split(), "--")
    assert found - {"-h", "-o"} == options_of(EVERY[command])


def test_bash_completes_behind_an_equals_sign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("bash", tmp_path, capsys)
    assert bash(path, "edgemm", "convert", "--gate", "=", "f") == {"fail"}
    assert bash(path, "edgemm", "convert", "--gate", "=") == {"fail", "warn", "off"}


def test_names_with_spaces_stay_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my model.tflite").touch()
    assert bash(script("bash", tmp_path, capsys), "edgemm", "inspect", "my") == {"my model.tflite"}


class Zsh:
    """An interactive zsh on a terminal of its own, with the script read as a user would."""

    SETUP = (
        "PS1= PROMPT= ; unsetopt zle_bracketed_paste prompt_sp; autoload -Uz compinit && compinit -u -D; {load}; "
        "told() {{ print -r -- \"<$BUFFER>\"; BUFFER= }}; zle -N told; bindkey '^X' told; print 're'ady\n"
    )

    def __init__(self, folder: Path, load: str) -> None:
        try:
            self._terminal, inside = pty.openpty()
        except OSError as error:  # a root without /dev/pts
            pytest.skip(f"needs a terminal of its own: {error}")
        self._process = subprocess.Popen(
            [shell("zsh"), "-f", "-i", "+m"], stdin=inside, stdout=inside, stderr=inside, cwd=folder,
            env={**os.environ, "TERM": "dumb"}, start_new_session=True,
        )  # fmt: skip
        os.close(inside)
        self._send(self.SETUP.format(load=load))
        self._until("\nready")

    def complete(self, line: str) -> str:
        """The line after a press of the tab key."""
        self._send(f"{line}\t\x18")
        found = re.search(r"<(.*?) ?>\s*$", self._until(">"))
        return found.group(1) if found else ""

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def _send(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _until(self, end: str) -> str:
        text, deadline = "", time.monotonic() + 60
        while end not in text.replace("\r", ""):
            assert time.monotonic() < deadline, text
            if select.select([self._terminal], [], [], 1.0)[0]:
                text += os.read(self._terminal, 65536).decode("utf-8", "replace")
        return text.replace("\r", "")


@pytest.mark.parametrize("way", ["sourced", "in fpath"])
def test_zsh_completes(way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shell("zsh")
    path = script("zsh", tmp_path, capsys)
    (tmp_path / "model.tflite").touch()
    load = f"source {path}"
    if way == "in fpath":
        path.rename(tmp_path / "_edgemm")
        load = f"fpath=({tmp_path} $fpath); compinit -u -D"
    zsh = Zsh(tmp_path, load)
    try:
        for line, whole in [
            ("edgemm conv", "edgemm convert"),
            ("edgemm inspect mod", "edgemm inspect model.tflite"),
            ("edgemm convert --calibr", "edgemm convert --calibrate="),
            ("edgemm convert a.onnx --gate w", "edgemm convert a.onnx --gate warn"),
            ("edgemm convert --target=cor", "edgemm convert --target=coral"),
            ("edgemm convert --target cor", "edgemm convert --target coral"),
            ("edgemm run m.tflite --on-late dr", "edgemm run m.tflite --on-late drop"),
            ("edgemm card cop", "edgemm card copy"),
            ("edgemm card copy a.tflite mod", "edgemm card copy a.tflite model.tflite"),
            ("edgemm completions fi", "edgemm completions fish"),
            ("edgemm inspect model.tflite mod", "edgemm inspect model.tflite mod"),
        ]:
            assert zsh.complete(line) == whole
    finally:
        zsh.close()


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_script_starts_no_python(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(name, tmp_path, capsys).read_text(encoding="utf-8")
    assert "python" not in text
    assert sys.prefix not in text


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("stop after N results", "stop after N results"),
        ("a file; its ending is the format", "a file"),
        ("x " * 60, ("x " * 35).strip()),
    ],
)
def test_a_menu_gets_the_first_words(text: str, short: str) -> None:
    assert first_words(text) == short
