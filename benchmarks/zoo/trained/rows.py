"""Every row in a process of its own: `python -m benchmarks.zoo.trained --out DIR [--network NAME ...]`.

A line of JSON each in DIR/rows.jsonl, where finished ones are not measured again, and the table where --table says. A
network whose files or data are not there is skipped, and said to be; where there is no row, the table stays as it is.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import shared
from benchmarks.zoo.trained.bundled import BUNDLED
from benchmarks.zoo.trained.enhanced import ENHANCED
from benchmarks.zoo.trained.files import measure
from benchmarks.zoo.trained.letters import READING
from benchmarks.zoo.trained.pictures import PICTURES
from benchmarks.zoo.trained.sounds import SOUNDS
from benchmarks.zoo.trained.table import table

NETWORKS = {each.name: each for each in (*PICTURES, *ENHANCED, *READING, *SOUNDS, *BUNDLED)}
TIMEOUT_S = 1800


def main() -> int:
    """0 when every row that could be had was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zoo.trained", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/trained"))
    parser.add_argument("--table", type=Path, help="Markdown file")
    parser.add_argument("--network", action="append", choices=sorted(NETWORKS))
    parser.add_argument("--one", choices=sorted(NETWORKS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.one:
        root = shared.find(*NETWORKS[given.one].sources)
        assert root is not None
        print(json.dumps(measure(NETWORKS[given.one], root, given.out)))
        return 0
    rows = _kept(given.out / "rows.jsonl")
    for name in given.network or NETWORKS:
        network = NETWORKS[name]
        if name in rows or shared.find(*network.sources, *network.needs) is None:
            continue
        rows[name] = _in_child(name, given.out)
        print(json.dumps(rows[name]), flush=True)
        if "error" not in rows[name]:
            with (given.out / "rows.jsonl").open("a") as file:
                file.write(json.dumps(rows[name]) + "\n")
    if rows and given.table:
        remarks = {name: network.remark for name, network in NETWORKS.items()}
        absent = [name for name in NETWORKS if name not in rows]
        given.table.write_text(table([rows[name] for name in NETWORKS if name in rows], remarks, absent))
    return int(any("error" in row for row in rows.values()))


def _kept(path: Path) -> dict[str, dict[str, Any]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return {row["name"]: row for row in map(json.loads, lines)}


def _in_child(name: str, out: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.zoo.trained", "--one", name, "--out", str(out)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return {"name": name, "error": f"took more than {TIMEOUT_S} s"}
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"name": name, "error": said[:300]}
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]
