"""`edgemm prune`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from edgemm.cli.output import FIDELITY_HEADER, emit_json, fidelity_rows, size, table
from edgemm.cli.parser import CommandParser, whole
from edgemm.cli.prune_rows import MEASURE_HEADER, REMOVED_HEADER, measure_rows, removed_rows
from edgemm.cli.report_page import checked_page, report_page
from edgemm.cli.sources import add_cut, add_graph, constants, shapes
from edgemm.cli.words import add_pruned_model, require_data
from edgemm.errors import InputError

if TYPE_CHECKING:
    from edgemm.converters.pruning import PrunedFile

EPILOG = """\
examples:
  edgemm prune digits.onnx -o small.onnx --target macs=0.6 --calibrate pictures/ --card digits.card.json
  edgemm prune mobilenet.onnx -o small.onnx --target ms=12 --calibrate photos/ --preset imagenet
  edgemm convert small.onnx -o small.tflite --calibrate pictures/
  edgemm prune recogniser.onnx -o small.onnx --target macs=0.7 --low-rank 0.99 --calibrate lines.npz
  edgemm prune classifier.onnx -o features.onnx --target macs=0.7 --calibrate photos/ --outputs features
  edgemm prune digits.onnx --sensitivity page.html --calibrate pictures/

Whole channels and attention heads are removed, and the layers behind them are fitted anew on the data of --calibrate,
so that they compute what they computed before. Right answers are not needed, and nothing is trained. Single zeros in
the weights (--zeros) make a compressed file smaller; the runtimes do not run it faster.

--low-rank 0.99 first makes two layers of lower rank of large fully connected layers, matrix products and convolutions:
as many as the target asks for, and only where two were measured to be faster than the one, in the runtime of --runtime.
The notes list the layers that stay as they are, and why. Channels are removed where that does not reach the target.

A target is the fraction that is left (macs=0.6, parameters=0.5, size=0.5), or milliseconds on this machine (ms=4).
The size is that of the file on the disk, with its card and test inputs, against the source's file. The file takes one
sample at a time, also where the source leaves its batch open.

--sensitivity prunes nothing: it makes a page with a picture of what each group of layers would cost.
"""


def add_arguments(parser: CommandParser) -> None:
    """The options of `prune`."""
    parser.epilog = EPILOG
    parser.add_argument("source", metavar="SOURCE", help="the trained float model: .onnx, .pt2 or .tflite")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="the .onnx file to write; one of that name is replaced"
    )
    parser.add_argument(
        "--target", metavar="MEASURE=VALUE",
        help="what shall be left: macs=0.6, parameters=0.5 or size=0.5 of the whole, or ms=4 milliseconds here",
    )  # fmt: skip
    parser.add_argument(
        "--runtime", choices=("onnx", "tflite"), default="onnx",
        help="what milliseconds are measured in: ONNX Runtime (onnx, the default) or LiteRT (tflite)",
    )  # fmt: skip
    parser.add_argument(
        "--calibrate", metavar="DATA",
        help="real data that shows which channels matter: a folder of pictures or recordings, or an .npz of tensors",
    )  # fmt: skip
    parser.add_argument(
        "--samples", type=whole(1, 1_000_000), metavar="N",
        help="use at most N samples of it (default 512)",
    )  # fmt: skip
    parser.add_argument(
        "--evaluate", metavar="DATA", help="other data to measure on (default: a part of --calibrate)"
    )
    add_pruned_model(parser)
    add_graph(parser)
    add_cut(parser)
    parser.add_argument(
        "--seed", type=whole(0, 2**32 - 1), default=0, metavar="N",
        help="chooses the places of large tensors that are looked at (default 0); the same seed gives the same file",
    )  # fmt: skip
    parser.add_argument(
        "--zeros", type=float, metavar="FRACTION",
        help="set this fraction of the weights that are left to zero, such as 0.5: a smaller download once compressed, "
        "not a faster model",
    )  # fmt: skip
    parser.add_argument(
        "--opset", type=whole(1), default=17, metavar="N", help="operator set of the .onnx file (default 17)"
    )
    parser.add_argument("--report", metavar="PAGE.html", help="write what was removed as a page")
    parser.add_argument(
        "--sensitivity", metavar="PAGE.html",
        help="in place of pruning, write a page with a picture: what the outputs lose when each group of layers is "
        "pruned alone, by a quarter, half and three quarters",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prunes, and prints what was removed and what is left; or prunes nothing, and shows what it would cost."""
    require_data(options)
    if options.sensitivity is not None:
        return _sensitivity(options)
    if options.output is None or options.target is None:
        raise InputError(
            "expected -o OUT, the .onnx file to write, and --target MEASURE=VALUE, such as macs=0.6; or --sensitivity "
            "PAGE.html, which prunes nothing"
        )
    page = report_page(options)
    done = _pruned(options)
    if page is not None:
        from edgemm.cli.prune_page import write_page

        write_page(page, done)
    if options.json:
        content = done.to_json()
        emit_json(content.pop("schema"), content)
        return 0
    print(f"{done.output}: {size(int(done.report.after['size']))}, target {done.target}")
    print(table(removed_rows(done), REMOVED_HEADER))
    print(table(measure_rows(done), MEASURE_HEADER))
    print(table(fidelity_rows(done.fidelity), FIDELITY_HEADER))
    for warning in done.warnings:
        print(f"warning: {warning}")
    for note in done.notes:
        print(f"note: {note}")
    return 0


def _pruned(options: argparse.Namespace) -> PrunedFile:
    from edgemm.cli.progress import ProgressBar
    from edgemm.converters import prune_file

    with ProgressBar(quiet=options.json) as progress:
        return prune_file(
            options.source, output=options.output, target=options.target, runtime=options.runtime, opset=options.opset,
            zeros=options.zeros, low_rank=options.low_rank,
            progress=progress, **_common(options),
        )  # fmt: skip


def _common(options: argparse.Namespace) -> dict[str, Any]:
    """What is told of the source and its data."""
    return {
        "calibrate": options.calibrate, "evaluate": options.evaluate, "keep": options.keep, "card": options.card,
        "preset": options.preset, "shapes": shapes(options.shape), "constants": constants(options.constants),
        "limit": options.samples or 512, "seed": options.seed, "outputs": options.outputs, "inputs": options.inputs,
    }  # fmt: skip


def _sensitivity(options: argparse.Namespace) -> int:
    given = {"-o": options.output, "--target": options.target, "--report": options.report}
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        raise InputError(f"--sensitivity prunes nothing and writes one page: leave out {' and '.join(wrong)}")
    page = checked_page(options.sensitivity, options.source, "--sensitivity")
    from edgemm.cli.progress import ProgressBar
    from edgemm.cli.sensitivity_page import write_page
    from edgemm.cli.sensitivity_rows import header, sensitivity_rows, summary
    from edgemm.converters import file_sensitivity

    with ProgressBar(quiet=options.json) as progress:
        found = file_sensitivity(options.source, progress=progress, **_common(options))
    write_page(page, found, "--sensitivity")
    if options.json:
        emit_json("edgemm.sensitivity/1", {"page": str(page), **found.to_json()})
        return 0
    print(f"{page}: {summary(found)}")
    print(table(sensitivity_rows(found), header(found)))
    for note in found.notes:
        print(f"note: {note}")
    return 0
