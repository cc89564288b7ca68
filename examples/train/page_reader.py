"""Trains the bundled reader of printed pages, a finder of lines and a reader of lines, and makes its int8 bundles.

    apt-get install fonts-dejavu-core fonts-liberation; pip install pillow
    python examples/train/page_reader.py --output edgemm/data/models/page_reader
    python examples/train/page_reader.py --pages edgemm/data/pages

What it learns from is drawn as it goes (`drawn_text.py`), so that nothing else is needed. Where each character stands
is known: besides the text (CTC) the reader learns which character is due at each step. Writes OUTPUT.tflite.zip and
OUTPUT.onnx.zip, int8, and says how many lines of drawn pages they read exactly. Ten minutes on one core that knows
bfloat16; a training that was stopped goes on where it was (--checkpoints). The same seed on the same machine gives the
same files.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from drawn_lines import BLANK, draw_lines
from drawn_pages import draw_pages
from drawn_sheets import write_receipt
from page_bundle import measured, write_bundles
from reader_networks import CLASSES, LineFinder, LineReader
from torch.nn import functional as F

from edgemm.quantize.training import Batch, Settings
from edgemm.quantize.training import train as fit
from edgemm.quantize.training.losses import ctc

PAGES, LINES = 8, 24
"""In a batch."""
WIDTHS = (128, 256, 320)
"""Pixels of the lines of a batch."""
OF_TEXT = 0.3
"""Weight of the CTC loss beside that of each step."""
OF_CHARACTERS = 2.0
"""Weight of steps in which a character is due, where that of the others is 1."""


def map_loss(found: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Weighted cross entropy of each pixel, and one less the overlap (Dice) of the whole maps."""
    wanted, weights = targets
    sure = torch.sigmoid(found)
    overlap = 2 * (sure * wanted).sum() / (sure.sum() + wanted.sum() + 1)
    return F.binary_cross_entropy_with_logits(found, wanted, weights) + 0.5 * (1 - overlap)


def line_loss(found: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Cross entropy of the character that is due at each step, and CTC of the text."""
    due, labels, counts = targets
    weights = torch.full((CLASSES,), OF_CHARACTERS)
    weights[BLANK] = 1.0
    framewise = F.cross_entropy(found.flatten(0, 1), due.flatten(), weights, label_smoothing=0.02)
    steps = torch.full((len(counts),), found.shape[1])
    text: torch.Tensor = ctc(found.transpose(0, 1), (labels, steps, counts))
    return framewise + OF_TEXT * text


def train_finder(steps: int, seed: int, checkpoint: Path | None) -> LineFinder:
    """After so many batches of pages."""

    def batches(_epoch: int) -> Iterator[Batch]:
        for step in range(steps):
            pages, maps, weights = draw_pages(np.random.default_rng((seed, 1, step)), PAGES)
            yield Batch((pages,), (maps, weights))

    torch.manual_seed(seed)
    network = LineFinder()
    fit(network, batches, loss=map_loss, settings=_settings(steps, 5e-3, seed), checkpoint=checkpoint)
    network.eval()
    return network


def train_reader(steps: int, seed: int, checkpoint: Path | None) -> LineReader:
    """After so many batches of lines."""

    def batches(_epoch: int) -> Iterator[Batch]:
        for step in range(steps):
            random = np.random.default_rng((seed, 2, step))
            drawn = draw_lines(random, LINES, WIDTHS[step % len(WIDTHS)])
            yield Batch((drawn.pictures,), (drawn.due, drawn.labels, drawn.counts))

    torch.manual_seed(seed)
    network = LineReader()
    fit(network, batches, loss=line_loss, settings=_settings(steps, 4e-3, seed), checkpoint=checkpoint)
    network.eval()
    return network


def _settings(steps: int, learning_rate: float, seed: int) -> Settings:
    return Settings(
        epochs=1, steps_per_epoch=steps, optimizer="adamw", learning_rate=learning_rate, weight_decay=0.01,
        schedule="one_cycle", warm_up=0.15, clip_norm=5.0, seed=seed,
        precision="bfloat16",
    )  # fmt: skip


def main() -> None:
    """Trains, converts, measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("page_reader"), help="bundles to write")
    parser.add_argument("--pages", type=Path, help="folder to write the bundled page to; trains nothing")
    parser.add_argument("--checkpoints", type=Path, help="folder in which the trainings' state is kept")
    parser.add_argument("--seed", type=int, default=1, help="of the weights and of what is drawn")
    parser.add_argument("--finder-steps", type=int, default=1500, help=f"batches of {PAGES} pages")
    parser.add_argument("--reader-steps", type=int, default=2600, help=f"batches of {LINES} lines")
    options = parser.parse_args()
    if options.pages:
        write_receipt(options.pages)
        return
    torch.set_num_threads(1)
    kept: dict[str, Path | None] = dict.fromkeys(("finder", "reader"))
    if options.checkpoints:
        options.checkpoints.mkdir(parents=True, exist_ok=True)
        kept = {name: options.checkpoints / f"{name}.pt" for name in kept}
    began = time.monotonic()
    finder = train_finder(options.finder_steps, options.seed, kept["finder"])
    reader = train_reader(options.reader_steps, options.seed, kept["reader"])
    print(f"trained in {time.monotonic() - began:.0f} s", flush=True)
    training: dict[str, Any] = {
        "data": "drawn lines in the fonts of fonts-dejavu-core and fonts-liberation; words of Debian's licences",
        "seed": options.seed,
        "steps": [options.finder_steps, options.reader_steps],
    }
    for path in write_bundles(finder, reader, options.output, options.seed, training):
        print(f"{path}: {measured(path)}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
