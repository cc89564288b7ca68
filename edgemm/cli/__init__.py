"""The command line: `edgemm COMMAND ...`. Thin: each command is one module, heavy imports inside it."""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

import edgemm
from edgemm import signals
from edgemm.cli.failure import SCHEMA, plain_warnings, report
from edgemm.cli.output import emit_json, lenient_streams, one_object, print_json
from edgemm.cli.parser import CommandParser, subcommands
from edgemm.errors import InputError
from edgemm.runtime_noise import hide

COMMANDS = {
    "demo": "convert two bundled models, run them on pictures and speech, write a report page",
    "convert": "turn a trained model into an int8 .tflite or .onnx file, and measure it",
    "prune": "make a float .onnx model smaller and faster: remove channels, with no training",
    "shrink": "prune a float .onnx model, train what is left, and write it as int8",
    "bundle": "write several models that work together, and what they need, as one ZIP",
    "inspect": "show what is in a model file: card, operators, size, quantization",
    "verify": "run the inputs stored in a model file and compare with the stored answers",
    "bench": "measure latency, memory and what the accelerator runs on this machine",
    "judge": "judge models side by side: accuracy, generalization, interpretability, compute, storage",
    "run": "run a model on a camera, a microphone, a stream or files",
    "enrol": "learn whose voices or faces there are, and write them down",
    "identify": "say whose voice or face is in recordings or pictures, of those that are enrolled",
    "card": "show, set or copy the card of a model file",
    "doctor": "show what this machine has, and what to install",
    "completions": "print the script that completes commands in bash, zsh or fish",
}
"""Command -> one line about it. Its module is edgemm.cli.COMMAND."""

IN_LINES = frozenset({"run"})
"""Commands whose --json is one object a line, errors included."""

EPILOG = """\
examples:
  edgemm demo
  edgemm convert --help
  edgemm doctor --json

exit codes: 0 done, 1 internal error, 2 usage, 3 fidelity gate, goldens or constraints missed, or not who --as names,
4 latency gate missed, 5 delegate missing, 6 artifact damaged or not understood, 7 source failed, 8 package missing,
9 the model cannot be expressed; 130, 143 and 129 when SIGINT (Ctrl-C), SIGTERM or SIGHUP ended it, but for `run`,
which finishes the items in progress and exits 0
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; 128 + the number of a signal that ended it."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    code = 0
    with lenient_streams():
        try:
            code = _run(words)
            signals.check()
            _flush()
        except signals.Stopped as stopped:
            return _ended(stopped, words)
        except BrokenPipeError:  # the reader of our output went away, as `| head` does
            _drop_output()
        except OSError as error:  # stdout cannot be written: a full disk
            _drop_output()
            return report(error, as_json=False)
    return code


def _run(words: list[str]) -> int:
    """The command, with every error told."""
    before = words[: words.index("--")] if "--" in words else words
    as_json, verbose = "--json" in before, "--verbose" in before
    with one_object() as made, plain_warnings():
        try:
            code = _command(words, before)
        except (BrokenPipeError, signals.Stopped):
            raise
        except SystemExit as stop:  # of --help
            return _code(stop)
        except BaseException as error:  # noqa: BLE001  whatever it is, it is told
            signals.check()  # the signal went to child processes too, whose end is then no error
            return report(
                error,
                as_json=as_json,
                in_lines=bool(words) and words[0] in IN_LINES,
                verbose=verbose,
                measured=made[0] if made else None,
            )
        for content in made:
            print_json(content)
    return code


def _command(words: list[str], before: list[str]) -> int:
    if "--version" in before:
        return _version(as_json="--json" in before)
    if words[:1] == ["run"]:  # whether SIGHUP is to end it is for its options to say
        signals.end_early_with(0)
        signals.reopen_on_hangup(True)
    signals.check()
    if not words:
        raise InputError(
            f"expected a command: {', '.join(COMMANDS)}. Begin with: edgemm demo. More: edgemm --help"
        )
    made = parser(words[0])
    signals.check()
    options = made.read(words)
    options.words = words  # reports tell them
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.WARNING,
        format="edgemm: %(message)s",
        stream=sys.stderr,
    )
    if not options.verbose:
        hide()
    return int(options.run(options))


def _ended(stopped: signals.Stopped, words: list[str]) -> int:
    """A signal ended the command: with `--json` an object says so, unless that is its way to end."""
    if stopped.exit_code and "--json" in words:
        content = {"error": "Stopped", "message": str(stopped), "exit_code": stopped.exit_code}
        with suppress(OSError, ValueError):  # stdout's reader is gone
            print_json({"schema": SCHEMA, **content})
    return stopped.exit_code


def _code(stop: SystemExit) -> int:
    if stop.code is None or isinstance(stop.code, int):
        return stop.code or 0
    print(f"edgemm: {stop.code}", file=sys.stderr)
    return 1


def _version(*, as_json: bool) -> int:
    if as_json:
        emit_json("edgemm.version/1", {"edgemm": edgemm.__version__, "python": platform.python_version()})
    else:
        print(f"edgemm {edgemm.__version__}")
    return 0


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _drop_output() -> None:
    """Nobody reads stdout any more: what is left in its buffer goes nowhere, without a word at exit."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parser(command: str = "") -> CommandParser:
    """The parser of the whole command line.

    Args:
        command: only this command's module is imported, the others have their name alone; "" imports all.
    """
    top = CommandParser(
        prog="edgemm",
        description="Trained networks as small int8 files, running on live pictures and sound inside a budget.",
        epilog=EPILOG,
    )
    _common(top, version=True)
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name, about in COMMANDS.items():
        each = commands.add_parser(name, help=about, description=about)
        _common(each, version=True, command=True, lines=name in IN_LINES)
        if command in (name, ""):
            import_module(f"edgemm.cli.{name}").add_arguments(each)
            for nested in subcommands(each):
                for leaf in nested.choices.values():
                    _common(leaf, command=True)
    return top


def _common(
    each: argparse.ArgumentParser, *, version: bool = False, command: bool = False, lines: bool = False
) -> None:
    """The options that every command has; a command inside a command has them too, where it has not its own."""
    options = []
    if command:
        options = [
            ("--json", f"print {'JSON objects, one a line' if lines else 'one JSON object'} on stdout"),
            ("--verbose", "log more, and show tracebacks of errors"),
        ]
    for name, about in options:
        if name not in each._option_string_actions:
            default = False if version else argparse.SUPPRESS
            each.add_argument(name, action="store_true", default=default, help=about)
    if version:
        each.add_argument(
            "--version",
            action="version",
            version=edgemm.__version__,
            help="print the version of edgemm and exit",
        )
