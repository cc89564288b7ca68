"""`--help` and `--version`: every option explained, an example for every command, and the examples parse."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

import pytest

import edgemm
from edgemm.cli import COMMANDS, main, parser
from edgemm.cli.parser import CommandParser, subcommands
from edgemm.cli.words import TARGETS

pytestmark = pytest.mark.device


def parsers(one: CommandParser) -> Iterator[CommandParser]:
    yield one
    for action in subcommands(one):
        for each in action.choices.values():
            yield from parsers(each)


ALL = {each.prog: each for each in parsers(parser())}


def examples(one: CommandParser) -> list[str]:
    """The lines behind "examples:" that are commands."""
    lines = [line.strip() for line in (one.epilog or "").splitlines() if line.startswith("  ")]
    return [line for line in lines if line.startswith("edgemm ")]


def test_every_command_is_among_them() -> None:
    assert {f"edgemm {name}" for name in COMMANDS} < ALL.keys()


@pytest.mark.parametrize("prog", ALL)
def test_every_argument_is_explained(prog: str) -> None:
    actions = [each for each in ALL[prog]._actions if each not in subcommands(ALL[prog])]
    assert [each.dest for each in actions if len(each.help or "") < 8] == []


@pytest.mark.parametrize("prog", ALL)
def test_every_command_has_an_example_that_parses(prog: str) -> None:
    assert examples(ALL[prog])
    for line in examples(ALL[prog]):
        words = shlex.split(line.partition(" > ")[0], comments=True)[1:]
        if "--help" not in words:
            assert parser(words[0]).read(words).run


@pytest.mark.parametrize("prog", ALL)
def test_help_is_printed(prog: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*prog.split()[1:], "--help"]) == 0
    assert "example" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], *([name] for name in COMMANDS), ["card", "show"]])
def test_the_version_is_told_everywhere(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--version"]) == 0
    assert capsys.readouterr().out == f"edgemm {edgemm.__version__}\n"
    assert main([*words, "--version", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["edgemm"]) == ("edgemm.version/1", edgemm.__version__)


def test_the_command_line_knows_the_targets_of_the_converter() -> None:
    assert (*pytest.importorskip("edgemm.quantize.target").TARGETS, "here") == TARGETS
