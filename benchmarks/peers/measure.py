"""Converts each source, and times our files and the peers' in turns: `python -m benchmarks.peers.measure DIR`.

Each conversion and each network's timing has a process of its own. Files that are there are not made again, a line of
JSON in DIR/rows.jsonl for each network that is measured (delete it to measure again); a table in DIR/table.md.

What a conversion took is counted as that of the peers is (benchmarks/spent.py): the processor time of the whole
command, imports and children included, and the most memory that it and its children held at one moment.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.peers.table import FORMS, PEERS, SOURCE, checked, table
from benchmarks.spent import compile_code, spent
from benchmarks.timing import instruction_set, interleaved

CALIBRATE = 32
TIMEOUT_S = 1200
SECONDS = 20.0
"""Of all turns of one network together, about."""


def main() -> int:
    """Exit 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", nargs="*")
    parser.add_argument("--convert", metavar="FORM", help=argparse.SUPPRESS)
    parser.add_argument("--time", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.convert:
        print(json.dumps(convert_one(given.folder, given.name[0], given.convert)))
        return 0
    if given.time:
        print(json.dumps(measure(given.folder, given.name[0])))
        return 0
    compile_code()
    rows = _rows(given.folder, given.name)
    (given.folder / "table.md").write_text(table(rows))
    missed = [line for line, held in checked(rows) if not held]
    print("\n".join(("missed:", *missed)) if missed else "all limits are held")
    return 1 if missed else 0


def _rows(folder: Path, names: list[str]) -> list[dict[str, Any]]:
    kept = folder / "rows.jsonl"
    known = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    rows = {row["name"]: row for row in known}
    for path in sorted(folder.glob("*.npz")):
        name = path.stem
        if name in rows or (names and name not in names):
            continue
        made = {form: _converted(folder, name, form) for form in FORMS}
        found = _in_child(folder, name, "--time")
        rows[name] = {"name": name, **found, "made": made, "peers": _peers(folder, name)}
        print(json.dumps(rows[name]), flush=True)
        with kept.open("a") as file:
            file.write(json.dumps(rows[name]) + "\n")
    return list(rows.values())


def _converted(folder: Path, name: str, form: str) -> dict[str, Any]:
    """What is known of our file of that form; it is made where it is not there."""
    told = folder / "ours" / f"{name}.{form}.json"
    if not told.exists():
        told.parent.mkdir(exist_ok=True)
        told.write_text(json.dumps(_in_child(folder, name, "--convert", form, counted=True)))
    return json.loads(told.read_text())  # type: ignore[no-any-return]


def _in_child(folder: Path, name: str, *options: str, counted: bool = False) -> dict[str, Any]:
    """What a child says; with `counted`, what it took as well."""
    command = [sys.executable, "-m", "benchmarks.peers.measure", str(folder), name, *options]
    try:
        used = spent(command, TIMEOUT_S, watched=counted)
    except subprocess.TimeoutExpired:
        return {"error": f"took more than {TIMEOUT_S} s"}
    except subprocess.CalledProcessError as error:
        told = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        return {"error": told[-1][:300]}
    found: dict[str, Any] = json.loads(used.said.splitlines()[-1])
    return {"cpu_s": round(used.cpu_s, 2), "peak_mb": round(used.peak_mb), **found} if counted else found


def _peers(folder: Path, name: str) -> dict[str, Any]:
    """Step -> what the peers needed for it."""
    path = folder / "made.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {line["step"]: line for line in lines if line["name"] == name}


def convert_one(folder: Path, name: str, form: str) -> dict[str, Any]:
    """Converts, and says what was chosen."""
    import numpy as np

    samples = list(np.load(folder / f"{name}.npz")["input"][:CALIBRATE, None])
    from edgemm.converters import convert

    chosen = FORMS[form]
    done = convert(
        folder / f"{name}.onnx", output=folder / "ours" / f"{name}.{form}", scheme=chosen.scheme, target=chosen.target,
        calibrate=None if chosen.scheme == "float" else samples, gate="warn" if chosen.scheme == "auto" else "off",
    )  # fmt: skip
    return {"scheme": done.scheme, "candidates": done.to_json().get("candidates", [])}


def measure(folder: Path, name: str) -> dict[str, Any]:
    """Time, decibels and size of every file of a network."""
    import numpy as np

    from benchmarks.peers.runners import decibels, runner

    stored = np.load(folder / f"{name}.npz")
    held_out, truth = stored["input"][CALIBRATE:], stored["output"][CALIBRATE:]
    files = {each: folder / f"{name}.{each}" for each in (SOURCE, *PEERS)}
    files |= {form: folder / "ours" / f"{name}.{form}" for form in FORMS}
    ready, found, refused = {}, {}, {}
    for form, path in files.items():
        if not path.exists():
            continue
        try:
            ready[form] = runner(path)
            decibel = decibels(ready[form], held_out, truth)
        except Exception as error:  # noqa: BLE001, the runtimes raise what they like
            ready.pop(form, None)
            refused[form] = str(error)[:160]
            continue
        found[form] = {"db": decibel, "bytes": path.stat().st_size, "partitions": ready[form].partitions}
    start_s = time.process_time()
    for each in ready.values():
        each.run()
    rounds = int(min(max(SECONDS / (time.process_time() - start_s), 15), 100))
    times = interleaved({form: each.run for form, each in ready.items()}, rounds)
    for form, seconds in times.items():
        found[form]["ms"] = round(seconds * 1e3, 4)
    return {"instructions": instruction_set(), "rounds": rounds, "files": found, "refused": refused}


if __name__ == "__main__":
    sys.exit(main())
