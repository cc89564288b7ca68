"""`edgemm convert`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgemm.artifact.bundle import is_bundle
from edgemm.cli.candidates import CANDIDATES_HEADER, candidate_rows
from edgemm.cli.convert_bundle import add_bundle, refuse_for_file, run_bundle
from edgemm.cli.output import FIDELITY_HEADER, emit_json, fidelity_rows, of_source, size, table
from edgemm.cli.parser import CommandParser, real, whole
from edgemm.cli.report_page import report_page
from edgemm.cli.sources import add_cut, add_graph, constants, shapes
from edgemm.cli.words import add_gate, add_preset, add_target, require_data

if TYPE_CHECKING:
    from edgemm.converters.conversion import Conversion

EPILOG = """\
examples:
  edgemm convert digits.onnx -o digits.tflite --calibrate pictures/ --card digits.card.json
  edgemm convert mobilenet.onnx -o mobilenet.int8.onnx --preset imagenet --calibrate photos/ --target arm
  edgemm convert encoder.onnx -o encoder.tflite
  edgemm convert classifier.onnx -o features.tflite --outputs /pool/GlobalAveragePool_output_0
  edgemm convert translator/ -o translator.zip --calibrate pairs.tsv --part decoder=dynamic

Without --calibrate, activations keep their real numbers between operators: the weights become int8 (scheme dynamic),
or, where that is slower, nothing does (float); --prefer size takes int8 all the same.

A folder of several models that call each other, or its .zip, becomes a .zip whose parts are converted, each on what it
is fed with while the whole runs on the data; docs/bundles.md says more.

A card is a few lines of JSON that say how an input is made and an output read:
  {"schema": "edgemm.card/1", "name": "digits", "task": "classification", "labels": ["0", "1"],
   "inputs": [{"modality": "image", "image": {"color": "gray", "resize": "stretch"}}],
   "outputs": [{"decode": "logits"}]}
"""


def add_arguments(parser: CommandParser) -> None:
    """The options of `convert`."""
    parser.epilog = EPILOG
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="the trained float model: .onnx, .pt2 or .tflite; or a bundle, a folder or a .zip",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="the file to write; its ending, .tflite or .onnx, is the format, and .zip for a bundle; one "
        "of that name is replaced",
    )
    _add_data(parser)
    _add_numbers(parser)
    _add_gate(parser)
    _add_graph(parser)
    _add_report(parser)
    add_bundle(parser)
    parser.set_defaults(run=run)


def _add_data(parser: CommandParser) -> None:
    parser.add_argument(
        "--calibrate",
        metavar="DATA",
        help="real data that shows the activations' ranges: a folder of pictures or recordings, an .npz of tensors, or "
        "texts: .txt with one on each line; .jsonl, .csv or .tsv with text and label, for a bundle source and target; "
        "for a generator seed:0..255",
    )
    parser.add_argument(
        "--samples",
        type=whole(1, 1_000_000),
        metavar="N",
        help="calibrate on at most N samples (default 256)",
    )
    parser.add_argument(
        "--evaluate",
        metavar="DATA",
        help="other data to measure the fidelity on (default: a part of --calibrate); pictures with truths too: COCO's "
        "JSON, folders of YOLO, PASCAL VOC, masks, or images/ and targets/; recordings with their texts, or in a "
        "folder for each speaker; pairs of texts",
    )
    parser.add_argument(
        "--card", metavar="CARD.json", help="what the model takes and gives: preprocessing, labels, task"
    )
    add_preset(parser, "the card of a common kind of model")


def _add_numbers(parser: CommandParser) -> None:
    parser.add_argument(
        "--scheme",
        choices=("auto", "static", "dynamic", "mixed", "float"),
        default="auto",
        help="how to quantize: static is int8 activations with ranges from --calibrate, dynamic is int8 weights with "
        "activations quantized while running, mixed is for each operator what is fastest of these, float is not "
        "quantized; auto (default) is the one that is predicted to be fastest and keeps the fidelity; it prints what "
        "it weighed",
    )
    parser.add_argument(
        "--prefer",
        choices=("speed", "size", "accuracy"),
        default="speed",
        help="what --scheme auto looks for: speed (default), the fastest that keeps the fidelity; size, the smallest "
        "that does; accuracy, the int8 form that keeps most of those that are no slower than float",
    )
    parser.add_argument(
        "--costs",
        metavar="COSTS.json",
        help="what operators take on the device, measured there with `edgemm bench --costs` (default: a table that "
        "comes with edgemm, for the target)",
    )
    add_target(parser)
    parser.add_argument(
        "--io", choices=("float", "int8"), default="float",
        help="what inputs and outputs of an .onnx file are: float (default), or int8, unsigned where the target's are; "
        "`inspect` shows their scales. Those of .tflite files follow the scheme",
    )  # fmt: skip
    parser.add_argument(
        "--opset", type=whole(1), default=17, metavar="N", help="operator set of the .onnx file (default 17)"
    )
    parser.add_argument(
        "--keep-layout",
        action="store_true",
        help="leave pictures in NCHW in a .tflite file (default: NHWC, which is faster)",
    )


def _add_gate(parser: CommandParser) -> None:
    add_gate(parser)
    parser.add_argument(
        "--repair",
        choices=("auto", "off"),
        default="auto",
        help="improve a conversion that is below the limit, if need be with some layers in float (auto, the default), "
        "or leave it as it is (off)",
    )
    parser.add_argument(
        "--repair-seconds",
        type=real(0.0, 86_400.0, "seconds"),
        default=60.0,
        metavar="S",
        help="time limit of the repair in seconds (default 60)",
    )


def _add_graph(parser: CommandParser) -> None:
    add_graph(parser)
    add_cut(parser)
    parser.add_argument(
        "--stepwise",
        type=whole(-8, 8),
        metavar="DIMENSION",
        help="make a recurrent or causal network into one step: the number of the input's dimension that is time. "
        "Its state becomes inputs and outputs, and the card names them",
    )
    parser.add_argument(
        "--keep-outputs",
        action="store_true",
        help="leave the outputs as the source has them (default: with data or --scheme float, a card's task decides: "
        "detection gets boxes and scores that are joined as outputs of their own, segmentation gets the class with the "
        "highest score for each pixel; never for .tflite sources)",
    )


def _add_report(parser: CommandParser) -> None:
    parser.add_argument(
        "--explain",
        action="store_true",
        help="print what was decided for each operator, and which layers lose how much accuracy",
    )
    parser.add_argument(
        "--report", metavar="PAGE.html", help="write the same as a page with a picture of the layers' losses"
    )


def run(options: argparse.Namespace) -> int:
    """Converts, and prints the measured fidelity."""
    from edgemm.errors import FidelityMissed

    require_data(options)
    if is_bundle(options.source):
        return run_bundle(options)
    refuse_for_file(options)
    page = report_page(options)
    try:
        done = _converted(options)
    except FidelityMissed as error:
        if error.conversion is not None:  # what was asked for is told all the same
            _explain(options, page, error.conversion)
            if options.json:
                _emit(error.conversion)
        raise
    _explain(options, page, done)
    if options.json:
        _emit(done)
        return 0
    print(f"{done.output}: {done.scheme} for {done.target}, {size(done.size_bytes)} ({of_source(done)})")
    print(table(fidelity_rows(done.fidelity), FIDELITY_HEADER))
    print(
        f"latency here: {done.int8_latency}, float {done.float_latency}; median (p10 to p90) of "
        f"{done.int8_latency.runs} inferences after warm-up, one thread"
    )
    if len(done.candidates) > 1:
        print(table(candidate_rows(done.candidates), CANDIDATES_HEADER))
    for note in done.notes:
        print(f"note: {note}")
    return 0


def _emit(done: Conversion) -> None:
    content = done.to_json()
    emit_json(content.pop("schema"), content)


def _explain(options: argparse.Namespace, page: Path | None, done: Conversion) -> None:
    """The page and the tables that were asked for; under --json they go to stderr."""
    if page is not None:
        from edgemm.cli.convert_page import write_page

        write_page(page, done, ["edgemm", *options.words])
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
            limit=options.samples or 256,
            repair=options.repair,
            repair_seconds=options.repair_seconds,
            explain=options.explain or options.report is not None,
            stepwise=options.stepwise,
            keep_outputs=options.keep_outputs,
            progress=progress,
            outputs=options.outputs,
            inputs=options.inputs,
            prefer=options.prefer,
            costs=options.costs,
        )
