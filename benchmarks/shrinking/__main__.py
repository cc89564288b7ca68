"""One row: `python -m benchmarks shrinking --row resnet8_half --seed 0`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.shared import find
from benchmarks.shrinking.rows import ROWS, measure, time_again


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 1 when the row misses its limits."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks shrinking", description=__doc__)
    parser.add_argument("--row", choices=ROWS, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/shrinking"), help="checkpoints and rows.jsonl")
    parser.add_argument("--again", action="store_true", help="take the latencies of a finished row again")
    options = parser.parse_args(arguments)
    shared = find("data/cifar10_jpeg", "data/mnist10k", "data/fsdd")
    if shared is None:
        return 0
    options.out.mkdir(parents=True, exist_ok=True)
    act = time_again if options.again else measure
    line = act(options.row, options.seed, shared, options.out)
    print(json.dumps(line), flush=True)
    return 0 if line["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
