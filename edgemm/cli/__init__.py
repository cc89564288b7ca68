"""The command line: `edgemm COMMAND ...`. Thin: each command is one module, heavy imports inside it."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

import edgemm
from edgemm import signals
from edgemm.cli.output import emit_error
from edgemm.errors import EdgemmError

COMMANDS = {
    "demo": "the whole story on bundled input, with a report page",
    "convert": "a trained model to an int8 .tflite or .onnx artifact",
    "inspect": "what is in an artifact: card, operators, size, quantization",
    "verify": "replay an artifact's goldens on this machine",
    "bench": "latency, memory and coverage on this machine",
    "run": "run an artifact on pictures, video or sound",
    "card": "show, set or copy the card of an artifact",
    "doctor": "what this machine has, and what to install",
}
"""Command -> one line about it. Its module is edgemm.cli.COMMAND."""

EPILOG = """\
exit codes: 0 done, 1 internal error, 2 usage, 3 fidelity gate or goldens missed, 4 latency gate missed,
5 delegate missing, 6 artifact damaged or not understood, 7 source failed, 8 package missing,
9 the model cannot be expressed; 130, 143 and 129 when SIGINT (Ctrl-C), SIGTERM or SIGHUP ended it, but for `run`,
which drains and exits 0

start with:  edgemm demo      then:  edgemm convert --help
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; 128 + the number of a signal that ended it."""
    try:
        code = _main(list(sys.argv[1:] if arguments is None else arguments))
        signals.check()
        return code
    except signals.Stopped as stopped:
        return stopped.exit_code


def _main(given: list[str]) -> int:
    if given[:1] == ["run"]:  # whether SIGHUP is to end it is for its options to say
        signals.end_early_with(0)
        signals.reopen_on_hangup(True)
    signals.check()
    parser = _parser(given[0] if given else "")
    signals.check()
    options = parser.parse_args(given)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.WARNING,
        format="edgemm: %(message)s",
        stream=sys.stderr,
    )
    try:
        return int(options.run(options))
    except EdgemmError as error:
        signals.check()  # the signal went to child processes too, whose end is then no error
        if options.verbose:
            traceback.print_exc()
        return emit_error(error, as_json=options.json, in_lines=getattr(options, "in_lines", False))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError as error:
        print(f"edgemm: there is not enough memory: {error or 'the system gave none'}", file=sys.stderr)
        return 1
    except OSError as error:
        signals.check()
        if options.verbose:
            traceback.print_exc()
        print(f"edgemm: {error}", file=sys.stderr)
        return 1


def _parser(command: str) -> argparse.ArgumentParser:
    """The parser; only the named command's module is imported."""
    parser = argparse.ArgumentParser(
        prog="edgemm",
        description="Trained networks as small int8 files, running on live pictures and sound inside a budget.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"edgemm {edgemm.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, about in COMMANDS.items():
        each = commands.add_parser(
            name, help=about, description=about, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        each.add_argument("--verbose", action="store_true", help="log more, and show tracebacks of errors")
        each.add_argument("--json", action="store_true", help="one JSON object on stdout")
        if name == command:
            import_module(f"edgemm.cli.{name}").add_arguments(each)
    return parser
