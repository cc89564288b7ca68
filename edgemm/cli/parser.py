"""The parser of the command line: argparse, with errors that say what was expected and name the nearest word."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from edgemm.choices import expected_one_of, hint
from edgemm.errors import InputError

_NUMBER = re.compile(r"-(\d|\.\d|inf|nan)", re.IGNORECASE)
"""A value such as -5 is not an option."""


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """The type of an option that takes a whole number within bounds."""
    bounds = f"from {low} to {high}" if high is not None else f"of {low} or more"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if number < low or (high is not None and number > high):
            raise argparse.ArgumentTypeError(f"expected a whole number {bounds}, found {text!r}")
        return number

    return read


def real(low: float, high: float, unit: str = "") -> Callable[[str], float]:
    """The type of an option that takes a number within bounds."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            of = f" of {unit}" if unit else ""
            raise argparse.ArgumentTypeError(
                f"expected a number{of} from {low:g} to {high:g}, found {text!r}"
            )
        return value

    return read


class CommandParser(argparse.ArgumentParser):
    """The parser of `edgemm` and of each command.

    An option is written out in full: what begins another option is an error with a hint, so that an option
    added later changes no script.
    """

    def __init__(self, **keywords: Any) -> None:
        keywords.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**{**keywords, "allow_abbrev": False})
        self.instead: dict[str, dict[str, str]] = {}
        """Option -> words that are not among its choices and mean something else -> a sentence about them."""

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """As `parse_args`.

        Raises:
            InputError: with a sentence, where argparse would print its usage and exit.
        """
        _refuse_unknown_options(self, words)
        found, extra = self.parse_known_args(words)
        if extra:
            raise _wrong(self._chosen(words), f"{extra[0]!r} is one argument too many")
        return found

    def error(self, message: str) -> NoReturn:
        """argparse calls this; the error that it speaks of is under way.

        Raises:
            InputError: always.
        """
        wrong = sys.exc_info()[1]
        if isinstance(wrong, argparse.ArgumentError):
            raise _wrong(None, self._sentence(wrong)) from None
        names = message.split(": ")[-1].split(", ")
        missing = [each for each in self._actions if each.required and _argparse_name(each) in names]
        if missing:
            wanted = " and ".join(map(_described, missing))
            raise _wrong(self, f"expected {wanted}") from None
        raise _wrong(self, message) from None

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            instead = self.instead.get(shown_name(action))
            raise argparse.ArgumentError(action, expected_one_of(list(action.choices), value, instead))

    def _print_message(self, message: str, file: Any = None) -> None:
        """argparse's own hides that stdout cannot be written."""
        (file or sys.stdout).write(message)

    def _sentence(self, wrong: argparse.ArgumentError) -> str:
        action = next((each for each in self._actions if _argparse_name(each) == wrong.argument_name), None)
        name = shown_name(action) if action is not None else str(wrong.argument_name)
        if wrong.message.startswith("not allowed with"):
            other = wrong.message.split()[-1].split("/")[-1]
            return f"{other} and {name}: expected one of them, found both"
        if wrong.message == "expected one argument" and action is not None:
            return f"{name}: expected {_described(action)}, found nothing behind {name}"
        return f"{name}: {wrong.message}"

    def _chosen(self, words: Sequence[str]) -> CommandParser:
        """The parser of the command that is named."""
        for each in subcommands(self):
            for index, word in enumerate(words):
                if word in each.choices:
                    chosen: CommandParser = each.choices[word]
                    return chosen._chosen(words[index + 1 :])
        return self


def subcommands(parser: argparse.ArgumentParser) -> list[Any]:
    """The actions of a parser that hold its commands: one, or none."""
    return [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]


def takes_value(action: argparse.Action) -> bool:
    """The option has a value behind it."""
    return bool(action.option_strings) and action.nargs != 0


def shown_name(action: argparse.Action) -> str:
    """ "--output" of -o/--output, "SOURCE" of a positional argument."""
    if action.option_strings:
        return action.option_strings[-1]
    return str(action.metavar or action.dest)


def _refuse_unknown_options(parser: CommandParser, words: Sequence[str]) -> None:
    """Looks at the words before argparse does, which would first miss what a misspelt option was to give.

    Raises:
        InputError: an option or a command that there is not.
    """
    known = parser._option_string_actions
    commands = subcommands(parser)
    value_follows = False
    for index, word in enumerate(words):
        if word == "--":
            return
        if value_follows:
            value_follows = False
        elif word.startswith("-") and word != "-" and not _NUMBER.match(word):
            name, _, value = word.partition("=")
            action = known.get(name) or (known.get(word[:2]) if not word.startswith("--") else None)
            if action is None:
                raise _unknown_option(parser, name)
            value_follows = takes_value(action) and not value and word in known
        elif commands:
            if word not in commands[0].choices:
                raise _wrong(parser, expected_one_of(list(commands[0].choices), word))
            _refuse_unknown_options(commands[0].choices[word], words[index + 1 :])
            return


def _unknown_option(parser: CommandParser, name: str) -> InputError:
    commands = subcommands(parser)
    if commands and not _command_of(parser):
        inside = {option for each in commands[0].choices.values() for option in each._option_string_actions}
        if name in inside:
            return InputError(f"{name}: write it after the command, as in: edgemm COMMAND {name}")
    options = [each for each in parser._option_string_actions if each.startswith("--")]
    return _wrong(parser, f"there is no option {name}{hint(name, options)}")


def _wrong(parser: CommandParser | None, sentence: str) -> InputError:
    """The error; with a parser, its command is named and where its options are explained."""
    if parser is None:
        return InputError(sentence)
    command = _command_of(parser)
    dot = "" if sentence.endswith("?") else "."
    return InputError(f"{command}{': ' if command else ''}{sentence}{dot} See: {parser.prog} --help")


def _command_of(parser: CommandParser) -> str:
    """ "card show"; "" of the whole command line."""
    return parser.prog.partition(" ")[2]


def _described(action: argparse.Action) -> str:
    """ "SOURCE (the trained float model)", "-o OUT (file to write)"."""
    metavar = "|".join(map(str, action.choices)) if action.choices is not None else action.metavar
    name = " ".join(
        filter(None, (action.option_strings[0] if action.option_strings else "", str(metavar or "")))
    )
    return f"{name} ({action.help})" if action.help and action.choices is None else name


def _argparse_name(action: argparse.Action) -> str:
    """As `ArgumentError.argument_name` has it."""
    if action.option_strings:
        return "/".join(action.option_strings)
    return str(action.metavar or action.dest)
