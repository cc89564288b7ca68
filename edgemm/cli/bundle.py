"""`edgemm bundle`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from edgemm import atomic
from edgemm.cli.columns import printable
from edgemm.cli.output import emit_json, size, table
from edgemm.cli.parser import CommandParser, real
from edgemm.errors import FidelityMissed, InputError

if TYPE_CHECKING:
    from edgemm.artifact.bundle import Bundle


def add_arguments(parser: CommandParser) -> None:
    """The options of `bundle`."""
    parser.epilog = """\
examples:
  edgemm bundle recognizer/ -o recognizer.zip
  edgemm bundle recognizer/ -o recognizer.zip --golden hello.wav
  edgemm run recognizer.zip --source microphone:

The folder holds bundle.json and the files that it names, or is one as another project writes it; docs/bundles.md says
which. Every part is loaded and tried, the goldens are run (exit 3 when they differ), and hashes are filled in where
bundle.json leaves them out. The same folder always gives the same bytes."""
    parser.add_argument("folder", metavar="FOLDER", help="the folder with bundle.json and its files")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="OUT.zip",
        help="the bundle to write; ends in .zip, and one of that name is replaced",
    )
    parser.add_argument(
        "--golden",
        action="append",
        default=[],
        metavar="TEXT|FILE",
        help="store this input and what the bundle answers to it now, for `edgemm verify`: a text, a .wav file or a "
        "picture; may be repeated",
    )
    parser.add_argument(
        "--tolerance",
        type=real(0, 1e9),
        metavar="X",
        help="with --golden: the largest difference of a number in the result that counts as the same (default 0.01)",
    )
    parser.set_defaults(run=run)


TOLERANCE = 0.01


def run(options: argparse.Namespace) -> int:
    """Checks the folder as a device would, and writes the ZIP."""
    if options.tolerance is not None and not options.golden:
        raise InputError("--tolerance: expected --golden beside it, whose results it is for, found none")
    tolerance = TOLERANCE if options.tolerance is None else options.tolerance
    import edgemm
    from edgemm.artifact.bundle import require_zip, write_bundle
    from edgemm.card.keys import refuse_unknown
    from edgemm.model.bundle_goldens import make_golden
    from edgemm.model.find_bundle import find_bundle

    require_zip(options.output)
    atomic.refuse_source(options.folder, options.output, "the output")
    with find_bundle(options.folder) as bundle:
        refuse_unknown(bundle.card)
        card, files = bundle.card, dict[str, bytes | Path](bundle.files())
        bundle.hashes()
        with edgemm.load_bundle(options.folder, delegate="cpu") as model:
            outcomes = model.replay_goldens() if model.has_goldens else ()
            for given in options.golden:
                card, more = make_golden(model, card, given, tolerance)
                files |= more
        missed = [each.output for each in outcomes if not each.ok]
        if missed:
            raise FidelityMissed(
                f"{options.folder}: {', '.join(missed)} differs by more than its tolerance. Nothing is written"
            )
        left_out = _left_out(bundle)
        with write_bundle(card, options.output, files=files) as written:
            content = {
                "output": str(options.output),
                "size_bytes": written.size_bytes,
                "card": written.card.to_dict(),
                "goldens": len(outcomes),
                "goldens_made": len(options.golden),
                "left_out": left_out,
            }
    if options.json:
        emit_json("edgemm.bundle.written/1", content)
        return 0
    print(f"{options.output}: the bundle {written.card.name!r} is written, {size(written.size_bytes)}")
    rows = [
        (key.partition(".")[0][:-1], key.partition(".")[2], entry.file, entry.sha256[:16])
        for key, entry in written.card.files()
    ]
    print(table(rows, ("what", "name", "file", "SHA-256 begins")))
    print(f"goldens: {f'{len(outcomes)} results are as they were' if outcomes else 'none'}")
    if options.golden:
        print(f"goldens made: {len(options.golden)}")
    if left_out:
        print(f"left out, since the card names them nowhere: {', '.join(map(printable, left_out))}")
    return 0


def _left_out(bundle: Bundle) -> list[str]:
    """Files of the folder that are not in the bundle."""
    if bundle.folder != bundle.path:
        return []
    named = {"bundle.json", *(entry.file for _, entry in bundle.card.files())}
    found = [
        os.path.relpath(os.path.join(folder, name), bundle.folder)
        for folder, _, names in os.walk(bundle.folder)
        for name in names
    ]
    return sorted(name for name in found if name not in named)
