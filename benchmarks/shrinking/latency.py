"""Float and int8 files of a whole and a pruned network, timed in turns, in both runtimes."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from edgemm.bench import bench
from edgemm.converters import convert

ROUNDS = 7


def ratios(
    networks: dict[str, Any], inputs: tuple[Any, ...], samples: list[Any], folder: Path
) -> dict[str, float]:
    """ "onnx float", "tflite int8", ...: the pruned network's latency over the whole one's, median of the turns."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for format_ in ("onnx", "tflite"):
        for scheme in ("float", "int8"):
            files = {}
            for name, network in networks.items():
                files[name] = folder / f"{name}-{scheme}.{format_}"
                data = None if scheme == "float" else samples
                convert(network, inputs, output=files[name], calibrate=data, gate="off", repair="off",
                        scheme="float" if scheme == "float" else "auto")  # fmt: skip
            turns = [
                {name: bench(file, runs=40).p50_ms for name, file in files.items()} for _ in range(ROUNDS)
            ]
            found[f"{format_} {scheme}"] = round(median(each["pruned"] / each["whole"] for each in turns), 3)
            found[f"{format_} {scheme} ms"] = round(median(each["pruned"] for each in turns), 4)
    return found
