"""What one sample adds to a task's figure, as plain JSON, so that samples may be judged anywhere and in any order: the
figure of all of them, and its interval, are made of these rows.

    tally = make_tally("classification")
    rows = [tally.row(model(picture), truth) for picture, truth in samples]
    tally.value(rows)                                 -> 0.954, what the task's metric says of all samples
    tally.interval(rows, seed=0)                      -> (0.939, 0.965)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.judge.interval import RESAMPLES, bootstrap, wilson
from edgemm.judge.metric import Metric, metric
from edgemm.judge.speakers import equal_error
from edgemm.results import Embedding

Row = list[Any]
"""Plain JSON: numbers, texts, lists."""
Interval = tuple[float, float]
SHARES = frozenset({"classification", "keyword"})
"""Tasks each of whose samples is right or wrong: their interval is Wilson's."""
FEWER = 200
"""Draws for figures that are not sums."""


class Tally(Protocol):
    """Of one task. Exists because metrics keep what they counted to themselves, and the rows of a judgement are made in
    several processes and kept in files."""

    task: str

    def row(self, result: Any, truth: Any) -> Row:
        """What one sample adds.

        Raises:
            InputError: as the metric's `add`.
        """

    def value(self, rows: Sequence[Row]) -> float:
        """The task's figure; NaN where the rows show nothing."""

    def interval(self, rows: Sequence[Row], seed: int) -> Interval | None:
        """Of the figure, 95 %; None where there are too few samples to tell."""


def make_tally(task: str) -> Tally:
    """That of a task.

    Raises:
        InputError: the task has no metric.
    """
    metric(task)
    if task == "detection":
        return _Boxes()
    return _Names() if task == "embedding" else _Sums(task)


class _Sums:
    """Metrics whose counts add up."""

    def __init__(self, task: str) -> None:
        self.task = task

    def row(self, result: Any, truth: Any) -> Row:
        judge: Any = metric(self.task)
        judge.add(result, truth)
        return list(judge.counts().tolist())

    def value(self, rows: Sequence[Row]) -> float:
        return self._value_of(_filled(rows).sum(axis=0))

    def _value_of(self, counts: npt.NDArray[np.float64]) -> float:
        judge: Any = metric(self.task)
        return float(judge.value_of(counts)) if len(counts) else math.nan

    def interval(self, rows: Sequence[Row], seed: int) -> Interval | None:
        table = _filled(rows)
        if self.task in SHARES:
            right, samples = table.sum(axis=0) if len(table) else (0, 0)
            return wilson(float(right), float(samples)) if samples else None
        return bootstrap(len(table), lambda drawn: self._value_of(drawn @ table), seed, RESAMPLES)


def _filled(rows: Sequence[Row]) -> npt.NDArray[np.float64]:
    """float64[samples, counts]; shorter rows, which know fewer classes, end in zeros."""
    table = np.zeros((len(rows), max(map(len, rows), default=0)))
    for at, each in enumerate(rows):
        table[at, : len(each)] = each
    return table


class _Boxes:
    """Boxes are ranked over all pictures."""

    task = "detection"

    def row(self, result: Any, truth: Any) -> Row:
        judge: Any = metric(self.task)
        judge.add(result, truth)
        return list(judge.kept())

    def value(self, rows: Sequence[Row]) -> float:
        judge: Any = metric(self.task)
        return float(judge.value_of(rows, [1] * len(rows)))

    def interval(self, rows: Sequence[Row], seed: int) -> Interval | None:
        judge: Any = metric(self.task)
        return bootstrap(len(rows), lambda drawn: judge.value_of(rows, drawn.tolist()), seed, FEWER)


class _Names:
    """Embeddings are compared in pairs. A sample that is drawn twice is not compared with itself."""

    task = "embedding"

    def row(self, result: Embedding, truth: str) -> Row:
        judge: Metric = metric(self.task)
        judge.add(result, truth)
        vector = np.asarray(result.vector, np.float64)
        return [truth, (vector / np.linalg.norm(vector)).astype(np.float32).tolist()]

    def value(self, rows: Sequence[Row]) -> float:
        return self._value(*_pairs(rows), np.ones(len(rows), np.int64))

    def interval(self, rows: Sequence[Row], seed: int) -> Interval | None:
        pairs = _pairs(rows)
        return bootstrap(len(rows), lambda drawn: self._value(*pairs, drawn), seed, FEWER)

    @staticmethod
    def _value(
        similarities: npt.NDArray[np.float64],
        alike: npt.NDArray[np.bool_],
        places: npt.NDArray[np.int64],
        drawn: npt.NDArray[np.int64],
    ) -> float:
        times = drawn[places[0]] * drawn[places[1]] if places.size else np.zeros(0, np.int64)
        same, different = (np.repeat(similarities[of], times[of]) for of in (alike, ~alike))
        return equal_error(same, different)[0] if len(same) and len(different) else math.nan


def _pairs(
    rows: Sequence[Row],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Of all pairs the similarity, whether they are of one name, and int64[2, pairs]: which rows they are."""
    lengths = {len(vector) for _, vector in rows}
    if len(lengths) > 1:
        raise InputError(f"embedding: expected vectors of one length, found {sorted(lengths)}")
    places = np.stack(np.triu_indices(len(rows), 1))
    vectors = np.array([vector for _, vector in rows], np.float64).reshape(len(rows), max(lengths, default=0))
    names = np.array([name for name, _ in rows])
    similarities = (vectors @ vectors.T)[places[0], places[1]]
    return similarities, names[places[0]] == names[places[1]], places
