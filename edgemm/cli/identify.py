"""`edgemm identify`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgemm.cli.enrol import add_model, embedded, files, opened
from edgemm.cli.output import emit_json, table
from edgemm.cli.parser import CommandParser, real
from edgemm.errors import FidelityMissed

SCHEMA = "edgemm.identify/1"


def add_arguments(parser: CommandParser) -> None:
    """The options of `identify`."""
    parser.epilog = """\
examples:
  edgemm identify speaker.tflite door.wav --enrolled voices.json
  edgemm identify speaker.tflite door.wav --enrolled voices.json --as anna
  edgemm enrol speaker.tflite anna=anna/ ben=ben/ -o voices.json --false-accepts 0.01

Says for each recording or picture who it is, of those that `edgemm enrol` enrolled: the nearest, where that is near
enough. With --as it is asked whether each is the one of that name; exit 3 when one is not. `edgemm run --enrolled` does
the same over running sound and pictures."""
    parser.add_argument("file", metavar="MODEL", help="the model file that the enrolled were enrolled with")
    parser.add_argument(
        "items", nargs="+", metavar="FILE", help="a recording or a picture, or a folder of them"
    )
    parser.add_argument(
        "--enrolled", required=True, type=Path, metavar="VOICES.json", help="who is enrolled (edgemm enrol)"
    )
    parser.add_argument("--as", dest="name", metavar="NAME", help="ask whether it is the one of this name")
    parser.add_argument(
        "--threshold",
        type=real(-1, 1),
        metavar="X",
        help="the similarity from which on somebody is recognised, instead of the file's",
    )
    add_model(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """One line for each recording or picture."""
    import edgemm

    voices = edgemm.Enrolled.load(options.enrolled)
    if options.threshold is not None:
        voices.threshold = options.threshold
    found = []
    with opened(options) as model:
        voices.require_model(model.artifact.sha256())
        paths = [path for each in options.items for path in files(each, model.modality)]
        for path in paths:
            made = embedded(model, path)
            found.append(
                (path, voices.identify(made) if options.name is None else voices.verify(options.name, made))
            )
    if options.json:
        rows = [{"file": str(path), **each.to_json()} for path, each in found]
        emit_json(SCHEMA, {"threshold": voices.threshold, "as": options.name, "items": rows})
    else:
        lines = [
            (str(path), each.label if each.detected else "nobody known", f"{each.score:.3f}")
            for path, each in found
        ]
        print(table(lines, ("file", "who", "similarity")))
    others = [str(path) for path, each in found if not each.detected]
    if options.name is not None and others:
        raise FidelityMissed(
            f"{others[0]}: not near enough to {options.name!r}, as are {len(others)} of {len(found)} files (threshold "
            f"{voices.threshold:.4f})"
        )
    return 0
