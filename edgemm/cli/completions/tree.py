"""The command line in plain words: commands, their options, and what stands behind each."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgemm.cli.parser import CommandParser, subcommands, takes_value

_FILES = re.compile(r"FILE|DATA|CARD|OUT|PAGE|FOLDER|URI|SOURCE|FROM|TO\b")
"""In the name of a value: it may be a file."""


@dataclass(frozen=True, slots=True)
class Value:
    """What may stand behind an option, or where an argument is due."""

    words: tuple[str, ...] = ()
    files: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """One option."""

    names: tuple[str, ...]
    about: str
    value: Value | None
    """None for a switch."""
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """The whole command line, or a command of it."""

    path: tuple[str, ...]
    """("edgemm", "card", "show")."""
    about: str
    options: tuple[Option, ...]
    arguments: tuple[Value, ...]
    commands: tuple[Command, ...] = ()

    def all(self) -> Iterator[Command]:
        """This one, and all inside it."""
        yield self
        for each in self.commands:
            yield from each.all()


def read_tree(parser: CommandParser, path: tuple[str, ...] = ("edgemm",), about: str = "") -> Command:
    """The parser as a tree."""
    actions = [each for each in parser._actions if each not in subcommands(parser)]
    return Command(
        path,
        about,
        tuple(_option(each) for each in actions if each.option_strings),
        tuple(_value(each) for each in actions if not each.option_strings),
        tuple(
            read_tree(inner, (*path, name), _about(action, name))
            for action in subcommands(parser)
            for name, inner in action.choices.items()
        ),
    )


def _about(action: argparse._SubParsersAction[CommandParser], name: str) -> str:
    return next((str(each.help) for each in action._choices_actions if each.dest == name), "")


def _option(action: argparse.Action) -> Option:
    return Option(
        tuple(action.option_strings),
        first_words(str(action.help or "")),
        _value(action) if takes_value(action) else None,
        isinstance(action, argparse._AppendAction),
    )


def _value(action: argparse.Action) -> Value:
    words = getattr(action, "completions", action.choices) or ()
    return Value(tuple(map(str, words)), not words and bool(_FILES.match(str(action.metavar or ""))))


def first_words(text: str) -> str:
    """The beginning of a help text, as far as a menu of completions has room for it."""
    short = re.split(r"[;(:]|\. |, such as", text)[0].strip()
    return short if len(short) <= 70 else short[:70].rpartition(" ")[0]
