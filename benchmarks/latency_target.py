"""Networks pruned to a latency in milliseconds: is it met, measured as a device would run them?

Each network is pruned to 0.8, 0.6 and 0.4 of its float latency here, in ONNX Runtime and in LiteRT. The target is what
`edgemm bench` says, the median of several processes; whole and pruned file are then timed in turns, each time in a
process of its own. A target is held when the pruned file's share of the whole one's time is at most 1.1 times the share
that was asked for (the target over the median of all times of the whole file, so that a machine that is busier at one
time than at another counts on both sides), or when it was refused and the nearest point that is named is beyond that.

Networks: the bundled ones; the ResNet8 and the MobileNetV1 of MLPerf Tiny, whose float .tflite files are in the folder
that EDGEMM_SHARED names. What they are pruned with is seeded noise: only times are looked at.

    python -m benchmarks latency_target
    python -m benchmarks latency_target --network digits --runtime tflite --share 0.6
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.prune_graph import RESNET8
from benchmarks.shared import find

BUNDLED = ("digits", "keywords", "scene_detector")
SHARED = {"resnet8": RESNET8, "mobilenet": "models/mlperf_tiny/vww_mobilenetv1_f32.tflite"}
RUNTIMES = ("onnx", "tflite")
SHARES = (0.8, 0.6, 0.4)
WITHIN = 1.1
ROUNDS = 7
"""Processes that each file is timed in."""
SAMPLES = 64
RUNS = 200
MEASURE = f"import sys; from edgemm.bench import bench; print(bench(sys.argv[1], runs={RUNS}).p50_ms)"


def run(words: Sequence[str] = ()) -> list[dict[str, Any]]:
    """A row for each network, runtime and share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", action="append", choices=(*BUNDLED, *SHARED))
    parser.add_argument("--runtime", action="append", choices=RUNTIMES)
    parser.add_argument("--share", action="append", type=float)
    options = parser.parse_args(list(words))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.network or (*BUNDLED, *SHARED):
            source = network(name)
            if source is None:
                continue
            for runtime in options.runtime or RUNTIMES:
                rows += _shares(name, source, runtime, options.share or SHARES, Path(folder))
    return rows


def network(name: str) -> Path | None:
    """The float file of the network; None where it is not there."""
    from edgemm import data

    if name in BUNDLED:
        return data.path(f"models/{name}.onnx")
    root = find(SHARED[name])
    return None if root is None else root / SHARED[name]


def noise(source: Path) -> list[dict[str, Any]]:
    """Seeded inputs."""
    from edgemm.converters.prepare import prepare

    draw = np.random.default_rng(0)
    return [
        {spec.name: draw.uniform(0, 1, spec.shape).astype(spec.dtype) for spec in prepare(source).inputs}
        for _ in range(SAMPLES)
    ]


def _shares(
    name: str, source: Path, runtime: str, shares: Sequence[float], folder: Path
) -> list[dict[str, Any]]:
    samples = noise(source)
    whole = _float(source, folder / f"{name}-whole.{runtime}", samples)
    rows = []
    for share in shares:
        row = _pruned(source, whole, runtime, share, samples, folder / f"{name}-{share}.onnx")
        row = {"name": f"latency_target: {name} to {share:g} of its time in {runtime}", **row}
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    return rows


def _float(source: Path, output: Path, samples: list[dict[str, Any]]) -> Path:
    from edgemm.converters import convert

    convert(source, output=output, scheme="float", gate="off", evaluate=samples[:2], keep_outputs=True)
    return output


def _pruned(
    source: Path, whole: Path, runtime: str, share: float, samples: list[dict[str, Any]], output: Path
) -> dict[str, Any]:
    """What was asked for, and what was got; or how it was refused."""
    from edgemm.converters import prune_file
    from edgemm.errors import InputError, LatencyMissed

    before = [process_ms(whole) for _ in range(ROUNDS)]
    before_ms = median(before)
    asked: dict[str, Any] = {"asked_ms": round(share * before_ms, 4), "limit": WITHIN}
    try:
        done = prune_file(
            source, output=output, target=f"ms={share * before_ms:.6g}", runtime=runtime,  # type: ignore[arg-type]
            calibrate=samples, evaluate=samples[:8],
        )  # fmt: skip
    except (LatencyMissed, InputError) as error:
        reached = _nearest_ms(str(error), f"ms={share * before_ms:g}") / before_ms / share
        return {**asked, "refused": str(error)[:160], "ratio": round(reached, 3), "ok": reached > WITHIN}
    small = _float(output, output.with_name(f"{output.stem}-small.{runtime}"), samples)
    turns = [(process_ms(whole), process_ms(small)) for _ in range(ROUNDS)]
    got = median(small_ms / whole_ms for whole_ms, small_ms in turns)
    asked_share = share * before_ms / median([*before, *(whole_ms for whole_ms, _ in turns)])
    return {
        **asked,
        "got_ms": round(median(after for _, after in turns), 4),
        "asked_share": round(asked_share, 3),
        "got_share": round(got, 3),
        "told_ms": round(done.report.after["ms"], 4),
        "macs_left": round(done.report.left("macs"), 3),
        "ratio": round(got / asked_share, 3),
        "ok": got <= asked_share * WITHIN,
    }


def _nearest_ms(said: str, asked: str) -> float:
    """The point that a refusal names; 0 where it names none."""
    named = re.search(r"ms=([\d.]+)", said.replace(asked, ""))
    return float(named[1].rstrip(".")) if named is not None else 0.0


def process_ms(path: Path) -> float:
    """The median of one inference, in a process of its own, one thread."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], stdout=subprocess.PIPE, check=True, text=True
    )
    return float(done.stdout)


if __name__ == "__main__":
    for each in run(sys.argv[1:]):
        print(json.dumps(each))
