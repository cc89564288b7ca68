"""Measures that several rows share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.zoo.trained.network import MOST_DB, Array, Feeds, Judge, Run
from edgemm.judge import TrueBoxes, metric
from edgemm.judge.matching import match, overlaps
from edgemm.results import Detections

Boxes = Callable[[list[Array]], Array]
"""Outputs -> float[n, 4], left, top, right, bottom, best first."""
Scored = Callable[[list[Array]], tuple[Array, Array]]
"""The same, from a low score on, with scores float[n]."""


def accuracy(samples: Sequence[Feeds], labels: Sequence[int]) -> Judge:
    """Share of samples whose first output is largest at the right class."""

    def judge(runs: Sequence[Run], sources: Sequence[Run]) -> float:
        found = [int(runs[0](each)[0].argmax()) for each in samples]
        return float(np.mean(np.array(found) == np.array(labels)))

    return judge


def same_class(samples: Sequence[Feeds]) -> Judge:
    """Share of samples with the source's best class."""

    def judge(runs: Sequence[Run], sources: Sequence[Run]) -> float:
        return float(np.mean([runs[0](each)[0].argmax() == sources[0](each)[0].argmax() for each in samples]))

    return judge


def same_boxes(samples: Sequence[Feeds], boxes: Boxes) -> Judge:
    """F1 of the file's boxes against the source's, at an overlap of a half."""

    def judge(runs: Sequence[Run], sources: Sequence[Run]) -> float:
        hits, total = 0, 0
        for each in samples:
            found, true = boxes(runs[0](each)), boxes(sources[0](each))
            none = np.zeros(len(true), bool)
            hits += int(match(overlaps(found, true), none, none, 0.5)[0].sum())
            total += len(found) + len(true)
        return 2 * hits / total if total else float("nan")

    return judge


def precision(samples: Sequence[Feeds], scored: Scored, sure: float) -> Judge:
    """Average precision at an overlap of a half, over all scores, where the source's boxes of a score of `sure` or more
    are what is right: it does not hang on boxes that change sides at one threshold."""

    def judge(runs: Sequence[Run], sources: Sequence[Run]) -> float:
        found = metric("detection")
        for each in samples:
            right, scores = scored(sources[0](each))
            right = right[scores >= sure]
            boxes, ours = scored(runs[0](each))
            things = Detections(
                boxes.astype(np.float32), ours.astype(np.float32), np.zeros(len(boxes), np.int64)
            )
            found.add(things, TrueBoxes(right, np.zeros(len(right), np.int64)))
        return float(found.value())

    return judge


def distance(samples: Sequence[Feeds], points: Callable[[list[Array]], Array]) -> Judge:
    """Mean distance in pixels of the tensor from the source's points, float[k, 2]."""

    def judge(runs: Sequence[Run], sources: Sequence[Run]) -> float:
        pairs = [(points(runs[0](each)), points(sources[0](each))) for each in samples]
        return float(np.mean([np.linalg.norm(found - true, axis=1).mean() for found, true in pairs]))

    return judge


def near_source(samples: Sequence[Feeds], top: float) -> Judge:
    """Decibels, peak signal to noise, of the first output against the source's; `top` is the peak."""

    def judge(runs: Sequence[Run], sources: Sequence[Run]) -> float:
        return psnr([runs[0](each)[0] for each in samples], [sources[0](each)[0] for each in samples], top)

    return judge


def near_truth(samples: Sequence[Feeds], sharp: Sequence[Array], inside: Sequence[Array]) -> Judge:
    """The same against true pictures from 0 to 1, [channels, height, width], at the pixels that are inside."""

    def judge(runs: Sequence[Run], sources: Sequence[Run]) -> float:
        found = [runs[0](each)[0][0].clip(0, 1)[:, seen] for each, seen in zip(samples, inside, strict=True)]
        return psnr(found, [each[:, seen] for each, seen in zip(sharp, inside, strict=True)], 1.0)

    return judge


def psnr(found: Sequence[Array], true: Sequence[Array], top: float) -> float:
    """Mean of the pictures' decibels."""
    errors = [np.mean(np.square(a.astype(np.float64) - b)) for a, b in zip(found, true, strict=True)]
    return float(
        np.mean([min(MOST_DB, float(10 * np.log10(top**2 / max(float(each), 1e-30)))) for each in errors])
    )


def letters_right(found: Sequence[str], true: Sequence[str]) -> float:
    """1 less the edits that make the one of the other, per letter."""
    edits = sum(_edits(a, b) for a, b in zip(found, true, strict=True))
    return 1.0 - edits / max(1, sum(map(len, true)))


def _edits(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one):
        before, row[0] = row[:], i + 1
        for j, right in enumerate(other):
            row[j + 1] = min(before[j + 1] + 1, row[j] + 1, before[j] + (letter != right))
    return row[-1]
