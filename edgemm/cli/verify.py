"""`edgemm verify`."""

from __future__ import annotations

import argparse

from edgemm.cli.output import emit_json, table
from edgemm.errors import CardError, FidelityMissed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `verify`."""
    parser.epilog = (
        "Runs the inputs that the artifact carries, and compares with what it answered when it was made."
    )
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--delegate", default="auto", metavar="NAME", help="replay on this accelerator")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Exit 0 when every output is within its tolerance, else 3."""
    import edgemm

    with edgemm.load(options.file, delegate=options.delegate) as model:
        if model.artifact.goldens is None:
            raise CardError(
                f"{options.file}: has no goldens to replay. Convert it with edgemm, which writes them"
            )
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
