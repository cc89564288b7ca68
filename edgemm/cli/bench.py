"""`edgemm bench`."""

from __future__ import annotations

import argparse

from edgemm.cli.output import emit_json, table
from edgemm.cli.parser import CommandParser, real, whole
from edgemm.cli.words import add_delegate
from edgemm.errors import LatencyMissed


def add_arguments(parser: CommandParser) -> None:
    """The options of `bench`."""
    parser.epilog = """\
examples:
  edgemm bench digits.tflite
  edgemm bench digits.tflite --delegate cpu --runs 1000 --max-p99 5

Times one inference with tensors already in place: no capture, no preprocessing. Of a bundle it times one whole result,
for the input of its first golden."""
    parser.add_argument("file", metavar="FILE", help="what to measure: a .tflite or .onnx file, or a bundle")
    add_delegate(parser)
    parser.add_argument(
        "--runs",
        type=whole(1),
        metavar="N",
        help="how many inferences to time (default 200), or results of a bundle (default 20)",
    )
    parser.add_argument(
        "--max-p99",
        type=real(0.0, 1e9, "milliseconds"),
        metavar="MS",
        help="exit 4 when the 99th percentile is above this many milliseconds",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measures and prints; exit 4 when the latency is above the limit."""
    from edgemm.bench import bench
    from edgemm.cli.progress import ProgressBar

    with ProgressBar(quiet=options.json) as progress:
        measured = bench(
            options.file,
            delegate=options.delegate,
            threads=options.threads,
            runs=options.runs,
            progress=progress,
        )
    if options.json:
        emit_json("edgemm.bench/1", measured.to_json())
    else:
        what = "one whole result, for the input of its first golden"
        print(f"{options.file}: {what if measured.whole else 'one inference on zeros, tensors in place'}")
        print(table(measured.rows(), ("measure", "value")))
    if options.max_p99 is not None and measured.p99_ms > options.max_p99:
        raise LatencyMissed(
            f"{options.file}: p99 is {measured.p99_ms:.3f} ms, above the limit of {options.max_p99:g} ms"
        )
    return 0
