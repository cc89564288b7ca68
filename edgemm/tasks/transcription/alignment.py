"""When each label of a text was said: the most probable alignment (Viterbi over labels with blanks between)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Place(NamedTuple):
    """Of one label."""

    first: int
    """Step in which it is first heard."""
    last: int
    """Step in which it is last heard."""
    best: float
    """Its highest log-probability in these."""


def align(rows: npt.NDArray[Any], labels: Sequence[int], blank: int) -> list[Place]:
    """Places of the labels in the best alignment of all steps.

    Args:
        rows: float32[steps, labels], natural logarithms of probabilities.
        labels: the text, blanks and repetitions left out. It must fit into the steps, as what a search found does.
        blank: place of the blank.
    """
    if not len(labels):
        return []
    path = np.full(2 * len(labels) + 1, blank)
    path[1::2] = labels
    skips = np.zeros(len(path), bool)  # from the label before, over the blank between
    skips[3::2] = path[3::2] != path[1:-2:2]
    score = np.full(len(path), -np.inf)
    score[:2] = rows[0, path[:2]]
    came = np.zeros((len(rows), len(path)), np.int8)
    for step in range(1, len(rows)):
        ways = np.full((3, len(path)), -np.inf)
        ways[0], ways[1, 1:] = score, score[:-1]
        ways[2, 2:] = np.where(skips[2:], score[:-2], -np.inf)
        came[step] = ways.argmax(axis=0)
        score = ways[came[step], np.arange(len(path))] + rows[step, path]
    at = len(path) - 1 if score[-1] > score[-2] else len(path) - 2
    steps: list[list[int]] = [[] for _ in labels]
    for step in range(len(rows) - 1, -1, -1):
        if at % 2:
            steps[at // 2].append(step)
        at -= int(came[step, at])
    return [
        Place(taken[-1], taken[0], float(rows[taken[-1] : taken[0] + 1, label].max()))
        for taken, label in zip(steps, labels, strict=True)
    ]
