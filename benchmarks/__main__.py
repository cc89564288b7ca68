"""Runs every benchmark, or those named, and fails when a limit is missed: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path


def names() -> list[str]:
    """Modules of this folder that measure something."""
    found = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    return sorted(
        name
        for name in found
        if name
        not in (
            "__main__",
            "converter_sources",
            "moonshine",
            "networks",
            "ocr_pages",
            "peers",
            "shared",
            "shrinking",
            "timing",
            "zoo",
        )
    )


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Names, and the options of one benchmark that takes some: `aware --row gru --seed 1`."""
    first = next((at for at, each in enumerate(arguments) if each.startswith("--")), len(arguments))
    return (arguments[:first], arguments[first:]) if first else (arguments, [])


def main() -> int:
    """Exit 1 when any limit is missed. `shrinking` trains for an hour a row and has options of its own."""
    if sys.argv[1:2] == ["shrinking"]:
        from benchmarks.shrinking.__main__ import main as shrinking

        return shrinking(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="*", help=f"of {', '.join(names())}")
    given, options = _split(sys.argv[1:])
    chosen = parser.parse_args(given).name or names()
    missed = []
    for name in chosen:
        run = importlib.import_module(f"benchmarks.{name}").run
        measured = run(options) if options else run()
        for result in measured if isinstance(measured, list) else [measured]:
            print(json.dumps(result), flush=True)
            if not result["ok"]:
                missed.append(result["name"])
    if missed:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
