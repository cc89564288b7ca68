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
from edgemm.cli.output import emit_error
from edgemm.errors import EdgemmError
from edgemm.redaction import without_secrets

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
9 the model cannot be expressed

start with:  edgemm demo      then:  edgemm convert --help
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser(given[0] if given else "")
    options = parser.parse_args(given)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.WARNING,
        format="edgemm: %(message)s",
        stream=sys.stderr,
    )
    try:
        return int(options.run(options))
    except EdgemmError as error:
        if options.verbose:
            print(without_secrets(traceback.format_exc()), file=sys.stderr, end="")
        return emit_error(error, as_json=options.json, in_lines=getattr(options, "in_lines", False))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if options.verbose:
            print(without_secrets(traceback.format_exc()), file=sys.stderr, end="")
        print(f"edgemm: {without_secrets(str(error))}", file=sys.stderr)
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
