"""Converts seeded graphs in every way and holds each written file against its source.

    python -m tests.differential --points 500 --seed 0 --jobs 2 --json out/differential.json
    python -m tests.differential --all --only 'resized.*'
    python -m tests.differential --only 'pools.3.direct/tflite/static/bare' --keep out/seen

Exit code 1 when any file is wrong, or any conversion ends in anything but a file or a clear refusal.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.differential.points import Point, every_point, matching, sample
from tests.differential.pool import results
from tests.differential.report import tables, to_json
from tests.differential.worker import Result


def main() -> int:
    """Exit 1 when anything is wrong."""
    options = _options()
    points = every_point()
    if options.only:
        points = matching(points, options.only)
    if not options.all:
        points = sample(options.points, options.seed, points)
    if not points:
        print(f"no point is named {options.only}", file=sys.stderr)
        return 2
    if options.keep:
        keep(points, options.keep)
    began = time.monotonic()
    found = _run(points, options.jobs)
    print(tables(found))
    summary = to_json(found, time.monotonic() - began)
    if options.json:
        options.json.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    print(
        f"\n{summary['points']} points in {summary['seconds']:.0f} s: {'ok' if summary['ok'] else 'FAILED'}"
    )
    return 0 if summary["ok"] else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.differential",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--points", type=int, default=500, help="how many, spread over the families (500)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (0)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--all", action="store_true", help="the whole product")
    parser.add_argument("--only", default="", help="a shell pattern that names of points must fit")
    parser.add_argument(
        "--json", type=Path, help="where to write the counts, and every point with its figures"
    )
    parser.add_argument("--keep", type=Path, help="a folder for the sources and data of these points")
    return parser.parse_args()


def _run(points: list[Point], jobs: int) -> list[Result]:
    """All results in the order of the points, with a bar on stderr."""
    from tqdm import tqdm

    found: dict[Point, Result] = {}
    with tqdm(total=len(points), file=sys.stderr, disable=None, mininterval=0.2) as bar:
        for result in results(points, jobs):
            found[result.point] = result
            bar.set_postfix(failed=sum(not each.ok for each in found.values()), refresh=False)
            bar.update()
    return [found[point] for point in points]


def keep(points: list[Point], folder: Path) -> None:
    """Writes each source with its data, to be converted by hand: NAME.onnx, NAME.calibrate.npz, NAME.evaluate.npz."""
    import numpy as np

    from tests.differential.source import make_source

    folder.mkdir(parents=True, exist_ok=True)
    for key in dict.fromkeys(point.graph for point in points):
        data = make_source(key, folder).data
        for name, samples in (("calibrate", data.calibration), ("evaluate", data.evaluation)):
            arrays: dict[str, Any] = {
                each: np.stack([sample[each] for sample in samples]) for each in samples[0]
            }
            np.savez(folder / f"{key}.{name}.npz", **arrays)


if __name__ == "__main__":
    sys.exit(main())
