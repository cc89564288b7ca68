"""The rows: what is trained, pruned, trained again, and measured."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.shrinking.data import Data, load
from benchmarks.shrinking.fit import accuracy, fit, imitate, play, save, settings_of
from benchmarks.shrinking.foreign import prune_foreign
from benchmarks.shrinking.frechet import drawn, features, grid
from benchmarks.shrinking.latency import ratios
from benchmarks.shrinking.networks import discriminator, make
from benchmarks.timing import instruction_set
from edgemm.quantize.prune import prune
from edgemm.quantize.prune.modules.counting import count_macs
from edgemm.quantize.training.frechet import frechet_distance

RATE = {"resnet8": 8e-3, "digits": 4e-3, "keywords": 4e-3, "lstm": 4e-3, "gru": 4e-3, "transformer": 2e-3}


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
    rate: float = 0.5
    """The highest learning rate after pruning, as a fraction of the whole network's."""
    scope: Any = "global"
    importance: Any = "l1"
    foreign: bool = False
    """By torch-pruning."""
    taught: bool = True
    """The whole network teaches the pruned one besides the labels."""


ROWS = {
    "resnet8_half": Row("resnet8", "pictures", 0.5, 40, 60, 1.5, 0.7, importance="taylor", rate=1.0),
    "resnet8_third": Row("resnet8", "pictures", 0.35, 40, 100, 1.5, 0.6, importance="taylor", rate=1.0),
    "resnet8_half_labels": Row(
        "resnet8", "pictures", 0.5, 40, 60, 1.5, 0.7, importance="taylor", rate=1.0, taught=False
    ),
    "resnet8_third_labels": Row(
        "resnet8", "pictures", 0.35, 40, 100, 1.5, 0.6, importance="taylor", rate=1.0, taught=False
    ),
    "resnet8_half_foreign": Row(
        "resnet8", "pictures", 0.5, 40, 60, 1.5, 0.7, foreign=True, rate=1.0, taught=False
    ),
    "resnet8_third_foreign": Row(
        "resnet8", "pictures", 0.35, 40, 100, 1.5, 0.6, foreign=True, rate=1.0, taught=False
    ),
    "digits": Row("digits", "digits", 0.4, 12, 10, 1.0, 1.0),
    "keywords": Row("keywords", "words", 0.4, 30, 20, 1.5, 1.0),
    "lstm": Row("lstm", "lines", 0.3, 15, 12, 1.5, 0.7),
    "gru": Row("gru", "lines", 0.3, 15, 12, 1.5, 0.7),
    "transformer": Row("transformer", "lines", 0.56, 20, 15, 1.5, 0.7, scope="uniform"),
    "generator": Row("generator", "drawn", 0.5, 30, 10, 0.0, 1.0),
}
"""Half the hidden units of the LSTM and GRU are 0.28 of their MACs; half the heads and 0.6 of the MLP of the
Transformer are 0.56. The generator's limit is `FURTHER`."""
LABELLED = 2048
"""Samples with labels that "taylor" ranks by."""
FURTHER = 1.1
"""Frechet distance of the pruned generator over the whole one's."""


def measure(name: str, seed: int, shared: Path, out: Path) -> dict[str, Any]:
    """A row, and its line in `rows.jsonl`; read from there where it was finished before."""
    done = finished(out)
    if (name, seed) in done:
        return done[name, seed]
    row = ROWS[name]
    data = load(row.data, shared, seed)
    torch.manual_seed(seed)
    whole, inputs = make(row.network)
    line: dict[str, Any] = {
        "name": f"shrinking: {name}", "row": name, "seed": seed, "instructions": instruction_set(),
    }  # fmt: skip
    if row.network == "generator":
        pruned, scores = _generator(row, whole, inputs, data, seed, shared, out)
    else:
        pruned, scores = _classifier(name, row, whole, inputs, data, seed, out)
    line["macs_left"] = round(count_macs(pruned, inputs) / count_macs(whole, inputs), 4)
    line |= scores
    save((whole, pruned), out / f"{name}-{seed}-networks.pt")
    line |= timed(name, seed, data, out)
    _keep(line, out)
    return line


def timed(name: str, seed: int, data: Data, out: Path) -> dict[str, Any]:
    """The latencies of a row whose networks are trained, and whether they are within its limit."""
    row = ROWS[name]
    whole, pruned = torch.load(
        out / f"{name}-{seed}-networks.pt", weights_only=False
    )  # written by this program
    inputs = make(row.network)[1]
    samples = [each[None].numpy() for each in data.train[0][:64]]
    if row.network == "generator":
        samples = [each[None].numpy() for each in torch.randn(64, 100, 1, 1)]
    found: dict[str, Any] = ratios(
        {"whole": whole.eval(), "pruned": pruned.eval()}, inputs, samples, out / "files" / f"{name}-{seed}"
    )
    slowest = max(found[f"{runtime} {kind}"] for runtime in ("onnx", "tflite") for kind in ("float", "int8"))
    return {**found, "limit_latency": row.slowest, "fast": bool(slowest <= row.slowest)}


def time_again(name: str, seed: int, shared: Path, out: Path) -> dict[str, Any]:
    """A finished row with latencies taken now."""
    line = {**finished(out)[name, seed], **timed(name, seed, load(ROWS[name].data, shared, seed), out)}
    _keep(line, out)
    return line


def _classifier(
    name: str, row: Row, whole: Any, inputs: tuple[Any, ...], data: Data, seed: int, out: Path
) -> tuple[Any, dict[str, Any]]:
    rate = RATE[row.network]
    fit(
        whole,
        data,
        settings_of(row.network, row.epochs, seed=seed, rate=rate),
        out / f"whole-{row.network}-{seed}.pt",
    )
    pruned = _pruned(row, whole, inputs, data, out / f"{name}-{seed}-pruned.pt")
    scores = [accuracy(whole, data), accuracy(pruned, data)]
    again = settings_of(row.network, row.more, seed=seed + 500, rate=rate * row.rate)
    fit(pruned, data, again, out / f"{name}-{seed}.pt", whole if row.taught else None)
    scores.append(accuracy(pruned, data))
    lost = 100 * (scores[0] - scores[2])
    named = zip(("accuracy", "untrained", "pruned"), scores, strict=True)
    return pruned, {
        **{each: round(score, 4) for each, score in named},
        "lost_points": round(lost, 2), "limit_points": row.points, "right": bool(lost <= row.points),
    }  # fmt: skip


def _generator(
    row: Row, whole: Any, inputs: tuple[Any, ...], data: Data, seed: int, shared: Path, out: Path
) -> tuple[Any, dict[str, Any]]:
    against = discriminator()
    play(whole, against, data, row.epochs, seed, out / f"whole-generator-{seed}.pt")
    pruned = _pruned(row, whole, inputs, data, out / f"generator-{seed}-pruned.pt")
    imitate(pruned, whole, row.more, seed, out / f"generator-{seed}-imitated.pt")
    play(pruned, against, data, row.more, seed + 500, out / f"generator-{seed}.pt")
    torch.manual_seed(0)
    judge, of_judge = make("digits")[0], load("digits", shared, 0)
    fit(
        judge,
        of_judge,
        settings_of("digits", ROWS["digits"].epochs, seed=0, rate=RATE["digits"]),
        out / "judge.pt",
    )
    real = features(judge, data.held_out[0])
    before, after = (frechet_distance(features(judge, drawn(each)), real) for each in (whole, pruned))
    grid({"whole": whole, "pruned": pruned}, out / f"generator-{seed}.png")
    return pruned, {
        "frechet_whole": round(before, 3), "frechet_pruned": round(after, 3), "further": round(after / before, 3),
        "limit_further": FURTHER, "right": bool(after <= FURTHER * before),
    }  # fmt: skip


def _pruned(row: Row, whole: Any, inputs: tuple[Any, ...], data: Data, path: Path) -> Any:
    """The pruned network before training, the same after an interruption."""
    if path.exists():
        return torch.load(path, weights_only=False)  # written by this program
    if row.foreign:
        network = prune_foreign(whole, inputs, row.left)
    else:
        known = list(zip(*(each[:LABELLED].split(128) for each in data.train), strict=True))
        network = prune(
            copy.deepcopy(whole), inputs, target=f"macs={row.left}", scope=row.scope, importance=row.importance,
            data=known if row.importance == "taylor" else None,
        ).module  # fmt: skip
    save(network, path)
    return network


def _keep(line: dict[str, Any], out: Path) -> None:
    line["ok"] = line["right"] and line["fast"]
    with (out / "rows.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def finished(out: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """The lines that are there, by row and seed; the last of each."""
    path = out / "rows.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {(line["row"], line["seed"]): line for line in lines}


__all__ = ["ROWS", "Row", "finished", "measure", "time_again"]
