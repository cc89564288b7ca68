"""`edgemm verify`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from edgemm.cli.output import emit_json, table
from edgemm.cli.parser import CommandParser
from edgemm.cli.words import add_delegate
from edgemm.errors import FidelityMissed, InputError

if TYPE_CHECKING:
    from edgemm.model.bundle import BundleModel


def add_arguments(parser: CommandParser) -> None:
    """The options of `verify`."""
    parser.epilog = """\
examples:
  edgemm verify digits.tflite
  edgemm verify digits.onnx --delegate cpu --json
  edgemm verify translator.zip --evaluate pairs.tsv

Runs the inputs that the file carries and compares with the outputs stored beside them; of a bundle those of its parts,
and those of the whole. Exit 3 when they differ. With --evaluate a bundle is also measured on data, by the metric of its
task: word and letter error, BLEU, SI-SDR, equal error rate."""
    parser.add_argument("file", metavar="FILE", help="what to check: a .tflite or .onnx file, or a bundle")
    parser.add_argument(
        "--evaluate",
        metavar="DATA",
        help="measure a bundle on this: .tsv, .csv or .jsonl with source and target, or a folder of recordings with "
        "their texts, in a folder for each speaker, or in noisy/ and clean/",
    )
    add_delegate(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Exit 0 when every output is within its tolerance, else 3."""
    import edgemm

    measured: dict[str, Any] | None = None
    with edgemm.load(options.file, delegate=options.delegate, threads=options.threads) as model:
        if options.evaluate is not None:
            measured = _measured(model, options)
        without = measured is not None and not getattr(model, "has_goldens", True)
        outcomes = () if without else model.replay_goldens()
        delegates = model.delegates
    if options.json:
        rows = [
            {"output": o.output, "worst_error": o.worst_error, "tolerance": o.tolerance, "ok": o.ok}
            for o in outcomes
        ]
        content = {"file": options.file, "delegates": list(delegates), "outputs": rows}
        emit_json("edgemm.verify/1", content | ({} if measured is None else {"measured": measured}))
    else:
        for key, value in (measured or {}).items():
            print(f"{key}: {value:.4g}" if isinstance(value, float) else f"{key}: {value}")
        rows_ = [
            (o.output, f"{o.worst_error:.3g}", f"{o.tolerance:.3g}", "ok" if o.ok else "MISSED")
            for o in outcomes
        ]
        if rows_:
            print(table(rows_, ("output", "worst error", "tolerance", f"on {', '.join(delegates)}")))
    missed = [o.output for o in outcomes if not o.ok]
    if missed:
        raise FidelityMissed(
            f"{options.file}: output {', '.join(missed)} differs on this machine by more than its tolerance. "
            "Try --delegate cpu; if that holds, the accelerator computes otherwise"
        )
    return 0


def _measured(model: Any, options: argparse.Namespace) -> dict[str, Any]:
    """The report of the metric of a bundle's task."""
    from edgemm.artifact.bundle import is_bundle
    from edgemm.cli.progress import ProgressBar
    from edgemm.converters.bundles.measured import measured

    if not is_bundle(options.file):
        raise InputError(
            f"--evaluate: is for bundles, a folder or a .zip; found the file {options.file}. A model is measured while "
            "it is converted: edgemm convert --evaluate"
        )
    bundle: BundleModel = model
    with ProgressBar(quiet=options.json) as progress:
        return measured(
            bundle, options.evaluate, lambda done, total: progress("measuring", done, total)
        ).report()
