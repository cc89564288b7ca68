"""`edgemm shrink`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from edgemm.cli.output import emit_json, size, table
from edgemm.cli.parser import CommandParser, whole
from edgemm.cli.report_page import report_page
from edgemm.cli.shrink_rows import HEADER, step_rows
from edgemm.cli.sources import add_cut, add_graph, constants, shapes
from edgemm.cli.words import add_gate, add_pruned_model, add_target

if TYPE_CHECKING:
    from edgemm.converters.shrinking import ShrunkFile

EPILOG = """\
examples:
  edgemm shrink digits.onnx -o digits.tflite --prune macs=0.4 --calibrate pictures/
  edgemm shrink mobilenet.onnx -o small.onnx --prune ms=12 --calibrate photos/ --evaluate labelled/ --preset imagenet
  edgemm shrink digits.onnx -o digits.tflite --prune none --calibrate pictures/ --target coral
  edgemm shrink classifier.onnx -o features.tflite --calibrate photos/ --outputs features

Channels are removed (as by `edgemm prune`), what is left is trained to answer as the source does, while it rounds as
the device will, and that is written as int8. Right answers are not needed, but the more data the better. It needs
PyTorch: pip install "edgemm[torch]".

It prints size, time and what was kept after each step: of the source, of what was pruned, of int8 without training, and
of the file that was written. Training that did not help is thrown away, and the last row says so.
"Same class" is how often the best class is the one of the source, as plain runtimes answer.
"""


def add_arguments(parser: CommandParser) -> None:
    """The options of `shrink`."""
    parser.epilog = EPILOG
    parser.add_argument("source", metavar="SOURCE", help="the trained float model: .onnx, .pt2 or .tflite")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="the file to write: .tflite or .onnx; one of that name is replaced",
    )
    parser.add_argument(
        "--prune", default="macs=0.5", metavar="MEASURE=VALUE",
        help="what shall be left: macs=0.5, parameters=0.5, size=0.5, or ms=4 milliseconds of the float network here, "
        "in the runtime of the output; none removes nothing (default macs=0.5)",
    )  # fmt: skip
    parser.add_argument(
        "--calibrate", required=True, metavar="DATA",
        help="real data that it is trained with: a folder of pictures or recordings, or an .npz of tensors",
    )  # fmt: skip
    parser.add_argument(
        "--samples", type=whole(8, 1_000_000), default=2048, metavar="N",
        help="use at most N samples of it (default 2048)",
    )  # fmt: skip
    parser.add_argument(
        "--evaluate", metavar="DATA", help="other data to measure on (default: a quarter of --calibrate)"
    )
    parser.add_argument(
        "--epochs", type=whole(1, 100_000), default=20, metavar="N", help="of the training (default 20)"
    )
    parser.add_argument(
        "--checkpoint", metavar="FILE",
        help="keep the state of the training there: a command that was interrupted goes on from it",
    )  # fmt: skip
    add_pruned_model(parser)
    add_graph(parser)
    add_cut(parser)
    add_target(parser)
    parser.add_argument(
        "--scheme", choices=("auto", "static", "dynamic"), default="auto",
        help="how to quantize, as of `edgemm convert` (default auto: static, but dynamic for recurrent networks and "
        "attention)",
    )  # fmt: skip
    add_gate(parser)
    parser.add_argument(
        "--seed", type=whole(0, 2**32 - 1), default=0, metavar="N", help="of the training (default 0)"
    )
    parser.add_argument(
        "--report", metavar="PAGE.html", help="write the steps as a page, accuracy over latency"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prunes, trains, converts, and prints what each step cost and saved."""
    page = report_page(options)
    done = _shrunk(options)
    if page is not None:
        from edgemm.cli.shrink_page import write_page

        write_page(page, done)
    if options.json:
        content = done.to_json()
        emit_json(content.pop("schema"), content)
        return 0
    print(f"{done.output}: {size(done.steps[-1].size_bytes)}")
    if done.removed is not None:
        print("removed: " + ("; ".join(map(str, done.removed.removed)) or "nothing"))
    print(table(step_rows(done), HEADER))
    for note in done.notes:
        print(f"note: {note}")
    return 0


def _shrunk(options: argparse.Namespace) -> ShrunkFile:
    from edgemm.cli.progress import ProgressBar
    from edgemm.converters.shrinking import shrink_file
    from edgemm.converters.shrinking.options import USUAL

    with ProgressBar(quiet=options.json) as progress:
        return shrink_file(
            options.source,
            output=options.output,
            prune=None if options.prune == "none" else options.prune,
            calibrate=options.calibrate,
            evaluate=options.evaluate,
            keep=options.keep,
            low_rank=options.low_rank,
            card=options.card,
            preset=options.preset,
            target=options.target,
            scheme=options.scheme,
            gate=options.gate,
            min_db=options.min_db,
            shapes=shapes(options.shape),
            constants=constants(options.constants),
            settings=replace(USUAL, epochs=options.epochs, seed=options.seed),
            checkpoint=options.checkpoint,
            limit=options.samples,
            outputs=options.outputs,
            inputs=options.inputs,
            progress=progress,
        )
