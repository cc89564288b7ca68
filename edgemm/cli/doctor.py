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

Accelerator libraries are tried in a child process, so that one that crashes is reported."""
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints what was found; always exits 0, since a machine that lacks something is not an error."""
    from edgemm.doctor import examine

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
