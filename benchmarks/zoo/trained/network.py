"""What one row of the table needs: a trained network, real data of its kind, and the measure of its task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Feeds = Mapping[str, Array]
"""Tensors by the source's input names, in its shapes."""
Run = Callable[[Feeds], list[Array]]
"""One inference: real numbers in the source's order and shapes."""
Judge = Callable[[Sequence[Run], Sequence[Run]], float]
"""The measure of files, one per source; the sources themselves come second, for measures that have no other truth."""
Evaluate = Callable[[Path], Any]
"""A file name to write to -> what `--evaluate` is given, of a network of one source: samples, or what was written."""
Unit = Literal["share", "dB", "pixels"]
"""What a value is: a larger one is better but for pixels, which are a distance from the source's answer."""
MOST_DB = 99.0
"""What is written for equal pictures, whose ratio is infinite."""


@dataclass(frozen=True, slots=True)
class Data:
    """Per source: what it is calibrated with, and what it is compared on, which is not in the former."""

    calibrate: tuple[list[dict[str, Array]], ...]
    held_out: tuple[list[dict[str, Array]], ...]
    judge: Judge
    evaluate: Evaluate | None = None
    """What the gate is judged on, which is in neither of them; None: a part of the former, which convert takes."""
    besides: Mapping[str, Judge] = field(default_factory=dict)
    """Other measures, by what they are."""


@dataclass(frozen=True, slots=True)
class Network:
    """One row."""

    name: str
    sources: tuple[str, ...]
    """Files below the folder of shared material; several that work together are one row."""
    needs: tuple[str, ...]
    """Data below it."""
    measure: str
    """In words, with the number of what it is taken on."""
    data: Callable[[Path], Data]
    unit: Unit = "share"
    against_source: bool = False
    """There is no truth but the source's answer, which is then the whole measure."""
    side: float = 1.0
    """Of distances: the pixels that are 100 %."""
    shapes: Mapping[str, Sequence[int]] | None = None
    card: Mapping[str, Any] | None = None
    """Its gate is then that of the card's task."""
    weighed: bool = False
    """What `auto` weighed is written too, judged and timed."""
    remark: str = ""
    """What a reader of its figures should know, as a sentence."""


def labelled(samples: Sequence[Feeds], labels: Sequence[int]) -> Evaluate:
    """With the right answers, so that the gate is the accuracy."""

    def write(path: Path) -> Path:
        arrays: dict[str, Any] = {
            name: np.concatenate([each[name] for each in samples]) for name in samples[0]
        }
        np.savez(path.with_suffix(".npz"), **arrays, labels=np.array(labels))
        return path.with_suffix(".npz")

    return write


def lost(network: Network, value: float, source: float) -> float:
    """Share of the measure that a file loses: 0 nothing, below 0 it gains.

    A ratio of decibels against the source's picture is taken back to the error as a share of the range, distances are
    divided by the side of what they lie in.
    """
    if not np.isfinite(value):
        return 1.0
    if network.unit == "pixels":
        return value / network.side
    if network.unit == "dB" and network.against_source:
        return 0.0 if value >= MOST_DB else float(10 ** (-value / 20))
    return (source - value) / source


def points(network: Network, value: float, source: float) -> float:
    """How many hundredths a file loses: of shares the difference itself, of other measures 100 times `lost`."""
    return 100 * (source - value if network.unit == "share" else lost(network, value, source))
