"""`edgemm doctor`."""

from __future__ import annotations

import argparse

from edgemm.cli.output import emit_json, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `doctor`."""
    parser.epilog = """\
examples:
  edgemm doctor
  edgemm doctor --json
  edgemm doctor digits.onnx app.json

With FILEs it says of each whether it was made for a processor like this one, and what would be faster.

Accelerator libraries are tried in a child process, so that one that crashes is reported."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        help="a .tflite or .onnx file, a bundle, or an app.json with its models",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints what was found; exits 0, since a machine that lacks something is not an error."""
    from edgemm.doctor import examine

    if options.files:
        return _files(options)
    health = examine()
    if options.json:
        emit_json("edgemm.doctor/1", health.to_json())
        return 0
    print(
        f"{health.machine}, Python {health.python}, {health.processors} processors to use, {health.memory_mb} MB"
    )
    print(f"processor: {health.instructions}; convert for it: --target {health.target}")
    print(f"costs of operators: {health.costs}")
    print(table([(p.feature, p.version or "-", p.detail) for p in health.packages], ("part", "version", "")))
    print()
    rows = [(d.name, "yes" if d.available else "no", d.detail) for d in health.delegates]
    print(table(rows, ("delegate", "here", "")))
    print()
    for what, found in (
        ("camera", health.cameras),
        ("microphone", health.microphones),
        ("speaker", health.speakers),
    ):
        print(f"{what}s: " + ("; ".join(found) if found else "none found"))
    for advice in health.advice:
        print(f"advice: {advice}")
    return 0


def _files(options: argparse.Namespace) -> int:
    """Of the files alone."""
    from edgemm.cli.doctor_files import file_fits
    from edgemm.instructions import instructions

    fits = file_fits(options.files)
    here = instructions()
    if options.json:
        content = {
            "instructions": str(here),
            "target": here.target,
            "files": [each.to_json() for each in fits],
        }
        emit_json("edgemm.doctor.files/1", content)
        return 0
    print(f"processor: {here}; convert for it: --target {here.target}")
    rows = [(each.file, each.scheme or "-", each.target or "-", each.detail) for each in fits]
    print(table(rows, ("file", "scheme", "made for", "")))
    return 0
