"""The two bundled models in int8, in both formats: accuracy, agreement with float, size.

Digits on the 1,000 bundled held-out pictures. Keywords on the recordings of the speakers who were held out of
training, when EDGEMM_SHARED names a folder that has `data/fsdd` (the Free Spoken Digit Dataset).
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from edgemm import data
from edgemm.capture import open_source
from edgemm.cli.demo.measure import Variant, measure_digits, variants
from edgemm.media import AudioBlock

HELD_OUT = ("theo", "yweweler")
"""Speakers that the keyword network was not trained on; see examples/train/speakers.py."""
MAX_LOSS = {"digits": 0.005, "keywords": 0.01}
"""Of accuracy, 0..1."""
MIN_AGREEMENT = 0.99
MAX_SIZE = 0.3
"""Of the float file in the same format; small models carry more of card and structure."""


def run() -> list[dict[str, Any]]:
    """One result per model and format."""
    with tempfile.TemporaryDirectory() as folder:
        results = _judge(measure_digits(Path(folder), _silent))
        recordings = _held_out()
        if not recordings:
            print(json.dumps({"skipped": "keywords on held-out speakers: EDGEMM_SHARED has no data/fsdd"}))
            return results
        inputs = [block for block, _ in recordings]
        truth = np.array([digit for _, digit in recordings], np.int64)
        calibration = data.path("calibration_words")
        return results + _judge(variants("keywords", Path(folder), calibration, inputs, truth, _silent))


def _silent(stage: str, done: int, total: int) -> None:
    """No progress wanted."""


def _judge(made: tuple[Variant, ...]) -> list[dict[str, Any]]:
    results = []
    for whole, small in zip(made[::2], made[1::2], strict=True):
        loss = whole.accuracy - small.accuracy
        ratio = small.size_bytes / whole.size_bytes
        kept = loss <= MAX_LOSS[small.name] and (small.name != "digits" or small.agreement >= MIN_AGREEMENT)
        results.append(
            {
                "name": f"accuracy_{small.name}_{small.format}",
                "samples": len(small.truth),
                "float_accuracy": round(whole.accuracy, 4),
                "int8_accuracy": round(small.accuracy, 4),
                "agreement": round(small.agreement, 4),
                "size_ratio": round(ratio, 3),
                "ok": kept and (small.name != "digits" or ratio <= MAX_SIZE),
            }
        )
    return results


def _held_out() -> list[tuple[AudioBlock, int]]:
    """(recording, digit) of every held-out speaker."""
    shared = os.environ.get("EDGEMM_SHARED")
    files = sorted(Path(shared, "data", "fsdd").rglob("*.wav")) if shared else []
    chosen = [file for file in files if file.stem.split("_")[1] in HELD_OUT]
    return [(_whole(file), int(file.stem.split("_")[0])) for file in chosen]


def _whole(file: Path) -> AudioBlock:
    with open_source(str(file)) as source:
        blocks = []
        while isinstance(block := source.read(), AudioBlock):
            blocks.append(block)
    return AudioBlock(np.concatenate([block.samples for block in blocks]), blocks[0].sample_rate, 0, 0)


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result))
