"""The rows: what is trained, pruned, trained again, and measured."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.shrinking.data import Data, load
from benchmarks.shrinking.fit import accuracy, fit, save
from benchmarks.shrinking.foreign import prune_foreign
from benchmarks.shrinking.latency import ratios
from benchmarks.shrinking.networks import make
from benchmarks.timing import instruction_set
from edgemm.quantize.prune import prune

RATE = {"resnet8": 8e-3, "digits": 4e-3, "lstm": 4e-3, "gru": 4e-3, "transformer": 2e-3}


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement."""

    network: str
    data: str
    left: float
    """The fraction of its MACs."""
    epochs: int
    """Of the whole network."""
    more: int
    """Epochs after pruning."""
    points: float
    """Accuracy that may be lost, in percentage points."""
    slowest: float
    """The largest latency, as a fraction of the whole network's."""
    scope: Any = "global"
    foreign: bool = False
    """By torch-pruning, with plain training after it."""


ROWS = {
    "resnet8_half": Row("resnet8", "pictures", 0.5, 40, 30, 1.5, 0.7),
    "resnet8_third": Row("resnet8", "pictures", 0.35, 40, 30, 1.5, 0.6),
    "resnet8_half_foreign": Row("resnet8", "pictures", 0.5, 40, 30, 1.5, 0.7, foreign=True),
    "resnet8_third_foreign": Row("resnet8", "pictures", 0.35, 40, 30, 1.5, 0.6, foreign=True),
    "digits": Row("digits", "digits", 0.4, 12, 10, 1.0, 0.7),
    "lstm": Row("lstm", "lines", 0.3, 15, 12, 1.5, 0.7),
    "gru": Row("gru", "lines", 0.3, 15, 12, 1.5, 0.7),
    "transformer": Row("transformer", "lines", 0.56, 20, 15, 1.5, 0.7, scope="uniform"),
}
"""Half the hidden units of the LSTM and GRU are 0.28 of their MACs; half the heads and 0.6 of the MLP of the
Transformer are 0.56."""


def measure(name: str, seed: int, shared: Path, out: Path) -> dict[str, Any]:
    """A row, and its line in `rows.jsonl`; read from there where it was finished before."""
    done = finished(out)
    if (name, seed) in done:
        return done[name, seed]
    row = ROWS[name]
    torch.manual_seed(seed)
    torch.set_num_threads(max(1, torch.get_num_threads()))
    data = load(row.data, shared)
    whole, inputs = make(row.network)
    rate = RATE[row.network]
    fit(whole, data, row.epochs, seed=seed, rate=rate, checkpoint=out / f"whole-{row.network}-{seed}.pt")
    pruned, left = _pruned(row, whole, inputs, out / f"{name}-{seed}-pruned.pt")
    untrained = accuracy(pruned, data)
    fit(pruned, data, row.more, seed=seed + 500, rate=rate / 2, checkpoint=out / f"{name}-{seed}.pt",
        teacher=None if row.foreign else whole)  # fmt: skip
    line = _line(name, seed, row, (accuracy(whole, data), untrained, accuracy(pruned, data)), left)
    samples = [each[None].numpy() for each in data.train[0][:64]]
    line |= ratios({"whole": whole, "pruned": pruned}, inputs, samples, out / "files" / f"{name}-{seed}")
    slowest = max(line[f"{runtime} {kind}"] for runtime in ("onnx", "tflite") for kind in ("float", "int8"))
    line["ok"] = bool(line["lost_points"] <= row.points and slowest <= row.slowest)
    with (out / "rows.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    return line


def _pruned(row: Row, whole: Any, inputs: tuple[Any, ...], path: Path) -> tuple[Any, float]:
    """The pruned network before training, the same after an interruption."""
    if path.exists():
        network, left = torch.load(path, weights_only=False)  # written by this program
        return network, left
    if row.foreign:
        from edgemm.quantize.prune.modules.counting import count_macs

        network = prune_foreign(whole, inputs, row.left)
        left = count_macs(network, inputs) / count_macs(whole, inputs)
    else:
        done = prune(copy.deepcopy(whole), inputs, target=f"macs={row.left}", scope=row.scope)
        network, left = done.module, done.report.left("macs")
    save((network, left), path)
    return network, left


def _line(name: str, seed: int, row: Row, scores: tuple[float, float, float], left: float) -> dict[str, Any]:
    whole, untrained, trained = scores
    return {
        "name": f"shrinking: {name}", "row": name, "seed": seed, "macs_left": round(left, 4),
        "accuracy": round(whole, 4), "untrained": round(untrained, 4), "pruned": round(trained, 4),
        "lost_points": round(100 * (whole - trained), 2), "limit_points": row.points, "limit_latency": row.slowest,
        "instructions": instruction_set(),
    }  # fmt: skip


def finished(out: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """The lines that are there, by row and seed."""
    path = out / "rows.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {(line["row"], line["seed"]): line for line in lines}


__all__ = ["ROWS", "Data", "Row", "finished", "measure"]
