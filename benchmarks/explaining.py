"""Whether maps mean something: their deletion and insertion areas against those of random maps as smooth as they are,
and against those of another input's map; bundled digits and words, float and int8, and whether their maps agree."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import edgemm
from edgemm import data
from edgemm.converters import convert
from edgemm.judge.maps import Areas, Map, MapScore, agreement, compare, explain, summed

MARGIN = 0.15
"""Of the area, 0..1: the least that the interval of the margin begins at."""
AGREED = 0.9
"""Rank correlation of the maps of the float and of the int8 network, the mean over the inputs."""
EVERY_DIGIT = 20
"""Of the 1,000 held-out digits one in so many."""


def run() -> list[dict[str, Any]]:
    """Of each network and form: the margins; and of each int8 form the agreement with float."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, calibration in (("digits", "digits"), ("keywords", "calibration_words")):
            source, rate = data.path(f"models/{name}.onnx"), None if name == "digits" else 8000
            inputs = _inputs(name)
            exact, score, other = measured(source, inputs, rate)
            found.append(_margins(f"{name}, float", score, other))
            for suffix in ("tflite", "onnx"):
                small = Path(folder) / f"{name}.{suffix}"
                convert(source, output=small, calibrate=data.path(calibration))
                rounded, score, other = measured(small, inputs, rate, [each.target for each in exact])
                found.append(_margins(f"{name}, int8 .{suffix}", score, other))
                alike = [agreement(*both) for both in zip(exact, rounded, strict=True)]
                found.append(_agreement(f"{name}, int8 .{suffix}", alike))
    return found


def _inputs(name: str) -> list[Any]:
    if name == "digits":
        return list(data.digits()[0][::EVERY_DIGIT])
    return [samples for _, samples, _ in data.spoken_digits()]


def measured(
    path: Path, inputs: Sequence[Any], rate: int | None, targets: Sequence[str] | None = None
) -> tuple[list[Map], MapScore, float | None]:
    """The maps, their score, and the mean deletion area of the map of another input of the same shape.

    Args:
        targets: the answers that are explained; None: the best ones.
    """
    asked: Sequence[str | None] = targets or [None] * len(inputs)
    with edgemm.load(path) as model:
        maps = [
            explain(model, x, method="masks", target=target, seed=at, sample_rate=rate)
            for at, (x, target) in enumerate(zip(inputs, asked, strict=True))
        ]
        pairs: list[tuple[Areas, Areas]] = []
        others = []
        for at, (x, found) in enumerate(zip(inputs, maps, strict=True)):
            pairs.append(compare(model, x, found, seed=at, sample_rate=rate))
            wrong = maps[(at + 1) % len(maps)].values
            if wrong.shape == found.values.shape:
                moved = Map(wrong, found.target, found.score, found.method, found.runs, found.kind)
                others.append(compare(model, x, moved, seed=at, sample_rate=rate, randoms=1)[0].deletion)
    return maps, summed(pairs), float(np.mean(others)) if others else None


def _margins(name: str, score: MapScore, other: float | None) -> dict[str, Any]:
    least = min(score.deletion_interval[0], score.insertion_interval[0])
    details = {key: value for key, value in score.to_json().items() if key != "means_something"}
    return {
        "name": f"maps: {name}: margin over random maps",
        "ratio": round(least, 3),
        "limit": MARGIN,
        "ok": least >= MARGIN,
        "details": {**details, "deletion by another input's map": other},
    }


def _agreement(name: str, alike: Sequence[float]) -> dict[str, Any]:
    return {
        "name": f"maps: {name}: agreement with float",
        "ratio": round(float(np.mean(alike)), 4),
        "limit": AGREED,
        "ok": float(np.mean(alike)) >= AGREED,
        "details": {"least": round(float(np.min(alike)), 4), "inputs": len(alike)},
    }
