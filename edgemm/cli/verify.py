"""`edgemm verify`."""

from __future__ import annotations

import argparse

from edgemm.cli.output import emit_json, table
from edgemm.cli.parser import CommandParser
from edgemm.cli.words import add_delegate
from edgemm.errors import FidelityMissed


def add_arguments(parser: CommandParser) -> None:
    """The options of `verify`."""
    parser.epilog = """\
examples:
  edgemm verify digits.tflite
  edgemm verify digits.onnx --delegate cpu --json

Runs the inputs that the file carries and compares with the outputs stored beside them; of a bundle those of its parts,
and those of the whole. Exit 3 when they differ."""
    parser.add_argument("file", metavar="FILE", help="what to check: a .tflite or .onnx file, or a bundle")
    add_delegate(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Exit 0 when every output is within its tolerance, else 3."""
    import edgemm

    with edgemm.load(options.file, delegate=options.delegate, threads=options.threads) as model:
        outcomes = model.replay_goldens()
        delegates = model.delegates
    if options.json:
        rows = [
            {"output": o.output, "worst_error": o.worst_error, "tolerance": o.tolerance, "ok": o.ok}
            for o in outcomes
        ]
        emit_json("edgemm.verify/1", {"file": options.file, "delegates": list(delegates), "outputs": rows})
    else:
        rows_ = [
            (o.output, f"{o.worst_error:.3g}", f"{o.tolerance:.3g}", "ok" if o.ok else "MISSED")
            for o in outcomes
        ]
        print(table(rows_, ("output", "worst error", "tolerance", f"on {', '.join(delegates)}")))
    missed = [o.output for o in outcomes if not o.ok]
    if missed:
        raise FidelityMissed(
            f"{options.file}: output {', '.join(missed)} differs on this machine by more than its tolerance. "
            "Try --delegate cpu; if that holds, the accelerator computes otherwise"
        )
    return 0
