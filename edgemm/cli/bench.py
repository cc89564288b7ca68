"""`edgemm bench`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edgemm import atomic
from edgemm.cli.output import emit_json, table
from edgemm.cli.parser import CommandParser, real, whole
from edgemm.cli.words import add_delegate
from edgemm.errors import InputError, LatencyMissed

if TYPE_CHECKING:
    from edgemm.backends.operator_time import OperatorTimes
    from edgemm.costs import CostTable


def add_arguments(parser: CommandParser) -> None:
    """The options of `bench`."""
    parser.epilog = """\
examples:
  edgemm bench digits.tflite
  edgemm bench digits.tflite --delegate cpu --runs 1000 --max-p99 5
  edgemm bench --costs -o pi5.json
  edgemm bench digits.tflite --operators

Times one inference with tensors already in place: no capture, no preprocessing. Of a bundle it times one whole result,
for the input of its first golden.

With --costs it times no file but the operators that networks are made of, in the formats whose runtime is installed,
on one thread, in processor time; it takes less than two minutes. `edgemm convert --costs FILE` plans with the table."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="what to measure: a .tflite or .onnx file, or a bundle"
    )
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
    parser.add_argument(
        "--costs",
        action="store_true",
        help="measure what operators cost on this machine, instead of a file",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="with --costs: where the table is written (.json)"
    )
    parser.add_argument(
        "--operators",
        action="store_true",
        help="then once more with the runtime's profiler on: the time of each kind of operator, and what runs it",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measures and prints; exit 4 when the latency is above the limit."""
    if options.costs:
        return _costs(options)
    if options.file is None:
        raise InputError("bench: expected a FILE to measure, or --costs to measure this machine")
    if options.output is not None:
        raise InputError("-o, --output: only with --costs; times of a file are printed, with --json as JSON")
    from edgemm.bench import bench
    from edgemm.cli.progress import ProgressBar

    if options.operators:
        from edgemm.bench_operators import require_one_model

        require_one_model(options.file)
    with ProgressBar(quiet=options.json) as progress:
        measured = bench(
            options.file,
            delegate=options.delegate,
            threads=options.threads,
            runs=options.runs,
            progress=progress,
        )
    told = _operators(options) if options.operators else None
    if options.json:
        found = {} if told is None else {"operators": told.to_json()}
        emit_json("edgemm.bench/1", {**measured.to_json(), **found})
    else:
        what = "one whole result, for the input of its first golden"
        print(f"{options.file}: {what if measured.whole else 'one inference on zeros, tensors in place'}")
        print(table(measured.rows(), ("measure", "value")))
        if told is not None:
            _print_operators(told)
    if options.max_p99 is not None and measured.p99_ms > options.max_p99:
        raise LatencyMissed(
            f"{options.file}: p99 is {measured.p99_ms:.3f} ms, above the limit of {options.max_p99:g} ms"
        )
    return 0


def _costs(options: argparse.Namespace) -> int:
    """Measures the table of this machine."""
    _refuse_beside_costs(options)
    if options.output is not None:
        _check_output(options.output)
    from edgemm.cli.progress import ProgressBar
    from edgemm.costs.measure import measure_costs

    if not options.json:
        where = (
            f"to {options.output}"
            if options.output
            else "nowhere: -o costs.json keeps it, and edgemm convert --costs plans with it"
        )
        print(
            f"measuring what operators cost here, for up to two minutes; the table is written {where}",
            flush=True,
        )
    with ProgressBar(quiet=options.json) as progress:
        measured = measure_costs(progress=progress)
    if options.output is not None:
        measured.write(options.output)
    if options.json:
        content = measured.to_json()
        emit_json(str(content.pop("schema")), content)
        return 0
    print(table(_rows(measured), ("measure", "value")))
    if options.output is not None:
        print(f"wrote {options.output}; plan with it: edgemm convert MODEL --costs {options.output}")
    else:
        print("nothing is written: name a file with -o costs.json")
    return 0


def _check_output(path: Path) -> None:
    """Before two minutes are spent."""
    if path.suffix.lower() != ".json":
        raise InputError(f"-o, --output: expected a name that ends in .json, found {path}")
    atomic.check(path, "-o, --output")


def _refuse_beside_costs(options: argparse.Namespace) -> None:
    """What is about a file."""
    given = {
        "FILE": options.file is not None,
        "--runs": options.runs is not None,
        "--max-p99": options.max_p99 is not None,
        "--threads": options.threads != 1,
        "--delegate": options.delegate not in ("auto", "cpu"),
        "--operators": options.operators,
    }
    for name, is_there in given.items():
        if is_there:
            raise InputError(f"{name}: not with --costs, which times operators on one thread of the CPU")


def _rows(measured: CostTable) -> list[tuple[str, str]]:
    counts = ", ".join(f"{len(points)} in .{format_}" for format_, points in measured.points.items())
    return [
        ("processor", measured.machine or "not told by this system"),
        ("instructions", measured.instructions),
        ("runtime", ", ".join(measured.runtimes.values())),
        ("threads", str(measured.threads)),
        ("time", measured.clock),
        ("measurements", counts),
    ]


def _operators(options: argparse.Namespace) -> OperatorTimes:
    from edgemm.bench_operators import bench_operators

    return bench_operators(
        options.file, delegate=options.delegate, threads=options.threads, runs=options.runs
    )


def _print_operators(told: OperatorTimes) -> None:
    from edgemm.bench_operators import rows

    if told.untold:
        print(f"\noperators: {told.untold}")
        return
    print(
        f"\noperators: {told.total_us:.1f} us of one inference ({told.told_by}, the calmest round of {told.runs} "
        "inferences)"
    )
    print(table(rows(told), ("operator", "count", "us", "share", "on")))
