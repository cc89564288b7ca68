"""CTC as Graves et al. (2006) define it, by counting: every alignment of a few steps, its text, its probability."""

from __future__ import annotations

from itertools import groupby, product
from math import exp, log
from typing import Any

import numpy.typing as npt


def collapsed(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    """Equal neighbours joined, then blanks left out."""
    return tuple(label for label, _ in groupby(path) if label != blank)


def texts(rows: npt.NDArray[Any], blank: int) -> dict[tuple[int, ...], float]:
    """Every text that log-probabilities [steps, labels] allow -> its log-probability, over all alignments."""
    found: dict[tuple[int, ...], float] = {}
    for path in product(range(rows.shape[1]), repeat=len(rows)):
        text = collapsed(path, blank)
        probability = exp(sum(float(rows[step, label]) for step, label in enumerate(path)))
        found[text] = found.get(text, 0.0) + probability
    return {text: log(probability) for text, probability in found.items()}


def best_path(rows: npt.NDArray[Any], text: tuple[int, ...], blank: int) -> tuple[int, ...]:
    """The most probable alignment of one text."""
    paths = (
        each for each in product(range(rows.shape[1]), repeat=len(rows)) if collapsed(each, blank) == text
    )
    return max(paths, key=lambda path: sum(float(rows[step, label]) for step, label in enumerate(path)))
