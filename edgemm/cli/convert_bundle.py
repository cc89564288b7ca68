"""`edgemm convert` of a bundle: a folder of several models, or its ZIP."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm.choices import hint
from edgemm.cli.bundle_page import PARTS_HEADER, part_rows
from edgemm.cli.output import emit_json, size, table
from edgemm.cli.parser import CommandParser
from edgemm.cli.report_page import report_page
from edgemm.errors import InputError

if TYPE_CHECKING:
    from edgemm.converters.bundles.conversion import BundleConversion
    from edgemm.converters.conversion import Conversion

OF_FILES = {
    "card": "--card", "preset": "--preset", "stepwise": "--stepwise", "keep_outputs": "--keep-outputs",
    "shape": "--shape", "constants": "--set", "outputs": "--outputs",
    "inputs": "--inputs",
}  # fmt: skip
"""Options of one model's file: attribute -> as it is written."""
OF_BUNDLES = {"format": "--format", "part": "--part", "length": "--length"}
INSTEAD = {
    "--shape": "--length ROLE.INPUT=SIZES gives the shape of an input of a part",
    "--card": "bundle.json has the cards of its parts",
    "--preset": "bundle.json has the cards of its parts",
}


def add_bundle(parser: CommandParser) -> None:
    """The options that bundles alone have."""
    group = parser.add_argument_group("bundles")
    group.add_argument(
        "--format", choices=("tflite", "onnx"), help="what the parts become: tflite (default) or onnx"
    )
    group.add_argument(
        "--part",
        action="append",
        default=[],
        metavar="ROLE=SCHEME",
        help="the scheme of one part, such as decoder=dynamic; keep leaves it as it is. May be given several times",
    )
    group.add_argument(
        "--length",
        action="append",
        default=[],
        metavar="ROLE.INPUT=SIZES",
        help="the shape of an input that a part leaves open, such as encoder.ids=1,48 (default: the card's length, or "
        "the largest in the data). Given several times for one input: a .tflite file with a signature for each length, "
        "which share their weights; the bundle runs the shortest that does",
    )


def refuse_for_file(options: argparse.Namespace) -> None:
    """Raises:
    InputError: an option of bundles, and the source is one model.
    """
    for name, written in OF_BUNDLES.items():
        if getattr(options, name):
            raise InputError(
                f"{written}: is for bundles, a folder or a .zip; found the file {options.source}. Leave it out"
            )


def _refuse_for_bundle(options: argparse.Namespace) -> None:
    for name, written in OF_FILES.items():
        given: Any = getattr(options, name)
        if given not in (None, False, []):
            raise InputError(
                f"{written}: is for one model, and {options.source} is a bundle. "
                + INSTEAD.get(written, "Leave it out, or convert the part's file by itself")
            )


def run_bundle(options: argparse.Namespace) -> int:
    """Converts, and prints what the parts and the whole kept."""
    from edgemm.errors import FidelityMissed

    _refuse_for_bundle(options)
    page = report_page(options)
    try:
        done = _converted(options)
    except FidelityMissed as error:
        if error.conversion is not None:  # what was asked for is told all the same
            _explain(options, page, error.conversion)
            if options.json:
                content = error.conversion.to_json()
                emit_json(content.pop("schema"), content)
        raise
    _explain(options, page, done)
    if options.json:
        content = done.to_json()
        emit_json(content.pop("schema"), content)
        return 0
    _print(done)
    return 0


def _explain(options: argparse.Namespace, page: Path | None, done: BundleConversion | Conversion) -> None:
    """The page and the tables that were asked for; of one part alone where that is below its gate. Under --json they go
    to stderr."""
    from edgemm.cli.bundle_page import write_bundle_page
    from edgemm.cli.convert_page import write_page
    from edgemm.converters.bundles.result import BundleConversion

    if page is not None:
        if isinstance(done, BundleConversion):
            write_bundle_page(page, done, ["edgemm", *options.words])
        else:
            write_page(page, done, ["edgemm", *options.words])
    if not options.explain:
        return
    where = sys.stderr if options.json else sys.stdout
    made = [("", done)] if not isinstance(done, BundleConversion) else done.conversions
    for name, each in made:
        print((f"part {name}:\n" if name else "") + each.explanation, file=where)
        if each.diagnosis is not None:
            print(each.diagnosis.table(), file=where)


def _print(done: BundleConversion) -> None:
    print(f"{done.output}: the bundle {done.card.name!r} is written, {size(done.size_bytes)}")
    rows = [row for role, each in done.parts.items() for row in part_rows(role, each)]
    print(table(rows, PARTS_HEADER))
    for note in done.notes:
        print(f"note: {note}")


def _converted(options: argparse.Namespace) -> BundleConversion:
    from edgemm.cli.progress import ProgressBar
    from edgemm.converters.bundles.conversion import convert_bundle
    from edgemm.converters.written import Settings

    with ProgressBar(quiet=options.json) as progress:
        return convert_bundle(
            Path(options.source),
            output=Path(options.output),
            format=options.format or "tflite",
            calibrate=options.calibrate,
            evaluate=options.evaluate,
            scheme=options.scheme,
            parts=_schemes(options.part),
            lengths=_lengths(options.length),
            target=options.target,
            gate=options.gate,
            min_db=options.min_db,
            limit=options.samples or 256,
            repair=options.repair,
            repair_seconds=options.repair_seconds,
            settings=Settings(options.opset, options.io, options.keep_layout),
            explain=options.explain or options.report is not None,
            progress=progress,
            prefer=options.prefer,
            costs=options.costs,
        )


def _schemes(given: list[str]) -> dict[str, str]:
    """ "decoder=dynamic" -> {"decoder": "dynamic"}."""
    from edgemm.converters.bundles.options import PART_WORDS

    found = {}
    for each in given:
        role, _, word = each.rpartition("=")
        if not role or word not in PART_WORDS:
            raise InputError(
                f"--part {each}: expected ROLE=SCHEME with one of {', '.join(PART_WORDS)}, such as decoder=dynamic"
                f"{hint(word, PART_WORDS)}"
            )
        found[role] = word
    return found


def _lengths(given: list[str]) -> dict[str, list[tuple[int, ...]]]:
    """ "encoder.ids=1,16", "encoder.ids=1,48" -> {"encoder.ids": [(1, 16), (1, 48)]}."""
    found: dict[str, list[tuple[int, ...]]] = {}
    for each in given:
        name, _, sizes = each.rpartition("=")
        numbers = sizes.split(",")
        if "." not in name or not all(each.isdecimal() and int(each) > 0 for each in numbers):
            raise InputError(
                f"--length {each}: expected ROLE.INPUT=SIZES with whole numbers, such as encoder.ids=1,48"
            )
        found.setdefault(name, []).append(tuple(map(int, numbers)))
    return found
