"""`edgemm convert`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgemm.cli.output import FIDELITY_HEADER, emit_json, fidelity_rows, size, table
from edgemm.errors import InputError

if TYPE_CHECKING:
    from edgemm.converters.convert import Conversion

EPILOG = """\
examples:
  edgemm convert digits.onnx -o digits.tflite --calibrate pictures/ --card digits.card.json
  edgemm convert mobilenet.onnx -o mobilenet.onnx.int8.onnx --preset imagenet --calibrate photos/
  edgemm convert encoder.onnx -o encoder.tflite                # no data: weights int8, activations while running

A card is a few lines of JSON that say how an input is made and an output read:
  {"schema": "edgemm.card/1", "name": "digits", "task": "classification", "labels": ["0", "1"],
   "inputs": [{"modality": "image", "image": {"color": "gray", "resize": "stretch"}}],
   "outputs": [{"decode": "logits"}]}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `convert`."""
    parser.epilog = EPILOG
    parser.add_argument("source", metavar="SOURCE", help="the trained float model, .onnx")
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="file to write: .tflite or .onnx"
    )
    parser.add_argument(
        "--calibrate", metavar="DATA", help="folder of pictures or recordings, or an .npz of tensors"
    )
    parser.add_argument("--evaluate", metavar="DATA", help="other data to measure the accuracy on")
    parser.add_argument("--scheme", choices=("auto", "static", "dynamic", "float"), default="auto")
    parser.add_argument(
        "--target", default="cpu", metavar="NAME", help="cpu, x86, arm, tensorrt, coral, tflite-2.14"
    )
    parser.add_argument("--card", metavar="CARD.json", help="what the model takes and gives")
    parser.add_argument(
        "--preset", metavar="NAME", help="a card for a common kind of model: imagenet, logmel16k ..."
    )
    parser.add_argument(
        "--gate",
        choices=("fail", "warn", "off"),
        default="fail",
        help="what to do when fidelity is below the limit",
    )
    parser.add_argument(
        "--min-db",
        type=float,
        default=20.0,
        metavar="DB",
        help="minimum SNR in dB for outputs that are not classes",
    )
    parser.add_argument(
        "--repair", choices=("auto", "off"), default="auto", help="improve a conversion that misses its gate"
    )
    parser.add_argument(
        "--repair-seconds", type=float, default=60.0, metavar="S", help="time limit for that (default 60)"
    )
    parser.add_argument(
        "--shape", action="append", default=[], metavar="NAME=1,3,224,224", help="fixes an open dimension"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="constants",
        metavar="NAME=VALUE",
        help="an input that is always the same",
    )
    parser.add_argument(
        "--stepwise",
        type=int,
        metavar="DIMENSION",
        help="the input's dimension of time: a few steps at a time, the state goes in and out",
    )
    parser.add_argument("--opset", type=int, default=17, metavar="N", help="ONNX operator set (default 17)")
    parser.add_argument("--io", choices=("float", "int8"), default="float", help="ONNX inputs and outputs")
    parser.add_argument("--keep-layout", action="store_true", help=".tflite: leave pictures NCHW")
    parser.add_argument(
        "--samples", type=int, default=256, metavar="N", help="calibrate on at most N samples"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="show what was decided for each operator, and which layers lose how much",
    )
    parser.add_argument(
        "--report", metavar="PAGE.html", help="the same as a page with a picture of the layers' losses"
    )
    parser.set_defaults(run=run)


def shapes(given: list[str]) -> dict[str, tuple[int, ...]]:
    """ "input=1,3,224,224" -> {"input": (1, 3, 224, 224)}."""
    found = {}
    for each in given:
        name, _, sizes = each.rpartition("=")
        try:
            shape = tuple(int(part) for part in sizes.split(","))
        except ValueError:
            shape = ()
        if not name or not shape or min(shape) < 1:
            raise InputError(f"--shape {each}: expected NAME=SIZES, such as input=1,3,224,224")
        found[name] = shape
    return found


def constants(given: list[str]) -> dict[str, float]:
    """ "sr=16000" -> {"sr": 16000.0}."""
    found = {}
    for each in given:
        name, _, text = each.rpartition("=")
        try:
            found[name] = float(text)
        except ValueError:
            name = ""
        if not name:
            raise InputError(f"--set {each}: expected NAME=VALUE with a number, such as sr=16000")
    return found


def run(options: argparse.Namespace) -> int:
    """Converts, and says what was kept."""
    from edgemm.errors import FidelityMissed

    _check_report(options)
    try:
        done = _converted(options)
    except FidelityMissed as error:
        if error.conversion is not None:  # what was asked for is told all the same
            _explain(options, error.conversion)
        raise
    _explain(options, done)
    if options.json:
        content = done.to_json()
        emit_json(content.pop("schema"), content)
        return 0
    ratio = done.size_bytes / done.source_size_bytes
    print(
        f"{done.output}: {done.scheme} for {done.target}, {size(done.size_bytes)} ({ratio:.2f} of the source)"
    )
    print(table(fidelity_rows(done.fidelity), FIDELITY_HEADER))
    print(
        f"latency here: {done.int8_latency}, float {done.float_latency}; median (p10 to p90) of "
        f"{done.int8_latency.runs} inferences after warm-up, one thread"
    )
    for note in done.notes:
        print(f"note: {note}")
    return 0


def _check_report(options: argparse.Namespace) -> None:
    """The page can be written, and is neither the source nor the output."""
    if options.report is None:
        return
    from edgemm.converters.options import refuse_overwriting

    page = Path(options.report)
    if not page.parent.is_dir():
        raise InputError(f"--report {page}: the folder {page.parent} does not exist")
    refuse_overwriting(options.source, page, "--report")
    if page.absolute() == Path(options.output).absolute():
        raise InputError(f"--report {page}: that is the output. Choose another name")


def _explain(options: argparse.Namespace, done: Conversion) -> None:
    """The page and the tables that were asked for; under --json they go to stderr."""
    if options.report is not None:
        from edgemm.cli.convert_page import write_page

        write_page(Path(options.report), done)
    if options.explain:
        where = sys.stderr if options.json else sys.stdout
        print(done.explanation, file=where)
        if done.diagnosis is not None:
            print(done.diagnosis.table(), file=where)


def _converted(options: argparse.Namespace) -> Conversion:
    from edgemm.cli.progress import ProgressBar
    from edgemm.converters import convert
    from edgemm.converters.written import Settings

    with ProgressBar(quiet=options.json) as progress:
        return convert(
            options.source,
            output=options.output,
            calibrate=options.calibrate,
            evaluate=options.evaluate,
            card=options.card,
            preset=options.preset,
            scheme=options.scheme,
            target=options.target,
            gate=options.gate,
            min_db=options.min_db,
            shapes=shapes(options.shape),
            constants=constants(options.constants),
            settings=Settings(options.opset, options.io, options.keep_layout),
            limit=options.samples,
            repair=options.repair,
            repair_seconds=options.repair_seconds,
            explain=options.explain or options.report is not None,
            stepwise=options.stepwise,
            progress=progress,
        )
