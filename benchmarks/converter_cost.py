"""What a conversion costs: processor time of the command and its children against running the source itself, and peak
memory against the size of the source.

    python -m benchmarks converter_cost
    python -m benchmarks converter_cost --large --formats tflite onnx --schemes static dynamic auto float

Each conversion is `edgemm convert` in a process of its own, on one thread. The yardstick is a process that imports
onnx and ONNX Runtime and runs the source, every node as it stands, once on each sample.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.converter_sources import LARGE, QUICK, chain, write
from benchmarks.spent import Spent, compile_code, spent

SAMPLES = 32
LIMIT = 12.0
"""Times the processor time of running the source on the same data; of one scheme."""
LIMIT_AUTO = 20.0
LIMIT_MEMORY = 4.0
"""Times the size of the source, above what the same conversion of next to nothing takes."""
ROOM_MB = 32
"""Beside that: data and activations, which small sources are not larger than."""
YARDSTICK = """
import sys
import numpy as np, onnx, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
session = onnxruntime.InferenceSession(sys.argv[1], options)
for sample in np.load(sys.argv[2])["x"]:
    session.run(None, {"x": sample})
"""


def convert(source: Path, data: Path, output: Path, scheme: str) -> Spent:
    """One conversion from the command line."""
    return spent([
        sys.executable, "-m", "edgemm", "convert", str(source), "-o", str(output), "--calibrate", str(data),
        "--scheme", scheme, "--gate", "off", "--json",
    ])  # fmt: skip


def run(arguments: Sequence[str] = ()) -> list[dict[str, Any]]:
    """A row for each source, format and scheme."""
    parser = argparse.ArgumentParser(prog="converter_cost")
    parser.add_argument(
        "--large", action="store_true", help="ResNet50 and ViT-base too: minutes, and 2 GB of memory"
    )
    parser.add_argument("--formats", nargs="+", default=["tflite", "onnx"])
    parser.add_argument("--schemes", nargs="+", default=["static"])
    parser.add_argument("--networks", nargs="+", help=f"of {', '.join({**QUICK, **LARGE})}; without it all")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    given = parser.parse_args(list(arguments))
    sources = {**QUICK, **(LARGE if given.large else {})}
    if given.networks:
        sources = {name: make for name, make in {**QUICK, **LARGE}.items() if name in given.networks}
    rows = []
    compile_code()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        nothing, few = write(chain(16), 8, root / "nothing", 16)
        base = {
            kind: convert(nothing, few, root / f"nothing.{kind}", "static").peak_mb for kind in given.formats
        }
        for name, (make, size) in sources.items():
            source, data = write(make(), size, root / name, given.samples)
            yardstick = spent([sys.executable, "-c", YARDSTICK, str(source), str(data)]).cpu_s
            for kind in given.formats:
                for scheme in given.schemes:
                    found = convert(source, data, root / f"{name}.{kind}", scheme)
                    rows.append(
                        _row(
                            f"{name}_{kind}_{scheme}",
                            found,
                            yardstick,
                            base[kind],
                            source.stat().st_size / 2**20,
                        )
                    )
    return rows


def _row(name: str, found: Spent, yardstick: float, base_mb: float, source_mb: float) -> dict[str, Any]:
    ratio, limit = found.cpu_s / yardstick, LIMIT_AUTO if name.endswith("auto") else LIMIT
    most_mb = base_mb + LIMIT_MEMORY * source_mb + ROOM_MB
    return {
        "name": f"converter_cost_{name}",
        "ratio": round(ratio, 2),
        "limit": limit,
        "ok": ratio <= limit and found.peak_mb <= most_mb,
        "cpu_s": round(found.cpu_s, 2),
        "source_mb": round(source_mb, 1),
        "peak_mb": round(found.peak_mb),
        "limit_mb": round(most_mb),
        "times_source": round(found.peak_mb / source_mb, 2),
    }


if __name__ == "__main__":
    for each in run(sys.argv[1:]):
        print(json.dumps(each))
