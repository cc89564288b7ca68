"""Speakers told apart by their embeddings: the equal error rate, and a threshold for a stated false-accept rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.results import Embedding

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FittedThreshold:
    """A similarity from which on two embeddings are taken for the same one's, and what that costs."""

    threshold: float
    """-1..1: the least similarity that is accepted."""
    false_accepts: float
    """0..1: share of the pairs of different ones that are accepted. At most what was asked for."""
    false_rejects: float
    """0..1: share of the pairs of the same one that are rejected: the price of the threshold."""
    same: int
    """Pairs of the same one that this was measured on."""
    different: int
    """Pairs of different ones."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def fit_threshold(
    same: Sequence[float] | Scores, different: Sequence[float] | Scores, false_accepts: float
) -> FittedThreshold:
    """The lowest threshold that accepts no more of the different pairs than is allowed.

    Args:
        same: similarities of pairs of the same speaker.
        different: similarities of pairs of different speakers.
        false_accepts: 0..1, the share of them that may be accepted; 0 for none of those measured.

    Raises:
        InputError: no pairs of a kind, or NaN; or a rate that so few pairs of different speakers cannot show.
    """
    same, different = _scores(same, "the same one"), _scores(different, "different ones")
    if not 0 <= false_accepts < 1:
        raise InputError(f"false accepts: expected a share, 0 or more and below 1, found {false_accepts}")
    if 0 < false_accepts < 1 / len(different):
        raise InputError(
            f"false accepts: {false_accepts:g} cannot be measured on {len(different)} pairs of different ones, one of "
            f"which is {1 / len(different):.2g}: give {math.ceil(1 / false_accepts)} pairs or more, or a larger rate"
        )
    allowed = math.floor(false_accepts * len(different) + 1e-9)
    highest = np.sort(different)[::-1]
    threshold = float(np.nextafter(highest[allowed], np.inf))
    return FittedThreshold(
        threshold,
        float(np.mean(different >= threshold)),
        float(np.mean(same < threshold)),
        len(same),
        len(different),
    )


def equal_error(same: Sequence[float] | Scores, different: Sequence[float] | Scores) -> tuple[float, float]:
    """The rate at which as many of the same are rejected as of the different are accepted, and the threshold there.

    Between two thresholds both rates are taken as straight lines.

    Raises:
        InputError: no pairs of a kind, or NaN.
    """
    same, different = (
        np.sort(_scores(same, "the same one")),
        np.sort(_scores(different, "different ones")),
    )
    thresholds = np.unique(np.concatenate([same, different]))
    thresholds = np.append(thresholds, np.nextafter(thresholds[-1], np.inf))
    rejected = np.searchsorted(same, thresholds) / len(same)
    accepted = 1 - np.searchsorted(different, thresholds) / len(different)
    at = int(np.argmax(rejected >= accepted))  # the last threshold rejects all and accepts none
    if at == 0:
        return float((rejected[0] + accepted[0]) / 2), float(thresholds[0])
    before, behind = accepted[at - 1] - rejected[at - 1], rejected[at] - accepted[at]
    part = before / (before + behind)
    rate = rejected[at - 1] + part * (rejected[at] - rejected[at - 1])
    return float(rate), float(thresholds[at - 1] + part * (thresholds[at] - thresholds[at - 1]))


def enrolment_scores(
    known: Mapping[str, Sequence[Embedding]], others: Sequence[Embedding] = ()
) -> tuple[Scores, Scores]:
    """Similarities as `edgemm.Enrolled` computes them, to the mean of what a name is enrolled with; for
    `fit_threshold`.

    Each embedding is held out in turn, so that none is compared with a mean that it is part of.

    Args:
        known: name -> its embeddings.
        others: of nobody who is enrolled.

    Returns:
        Similarities to the own name, of those that have another embedding besides; and to other names.

    Raises:
        InputError: one is not finite, all zeros, or of another length than the others.
    """
    rows = {name: [_normal(each) for each in given] for name, given in known.items() if given}
    strangers = [_normal(each) for each in others]
    if len({row.size for each in (*rows.values(), strangers) for row in each}) > 1:
        raise InputError("embeddings: expected as many numbers in each, found several lengths")
    means = {name: np.sum(each, axis=0) for name, each in rows.items()}
    same, different = list[float](), list[float]()
    for name, each in rows.items():
        for row in each:
            if len(each) > 1:
                same.append(_similarity(means[name] - row, row))
            different += [_similarity(mean, row) for other, mean in means.items() if other != name]
    different += [_similarity(mean, row) for mean in means.values() for row in strangers]
    return np.array(same), np.array(different)


def _similarity(total: Scores, row: Scores) -> float:
    return float(total @ row / max(float(np.linalg.norm(total)), 1e-12))


def _normal(embedding: Embedding) -> Scores:
    row = np.asarray(embedding.vector, np.float64).reshape(-1)
    length = float(np.linalg.norm(row))
    if not 0 < length < np.inf:
        raise InputError("embedding: expected finite numbers, not all of them 0")
    return row / length


class EqualErrorMetric:
    """The equal error rate over all pairs of samples, by the similarity of their embeddings.

    A truth is the name of the speaker, or of whatever else the embedding is to tell apart. The vectors are kept until
    the figure is asked for: 1 kB a sample, for vectors of 256 numbers.
    """

    name: ClassVar[str] = "EER"
    unit: ClassVar[str] = "share"
    higher_is_better: ClassVar[bool] = False

    def __init__(self) -> None:
        self._rows: list[npt.NDArray[np.float32]] = []
        self._names: list[str] = []

    def add(self, result: Embedding, truth: str) -> None:
        """One sample.

        Raises:
            InputError: the truth is no name; or the vector is not finite, all zeros, or of another length than before.
        """
        if not isinstance(truth, str):
            raise InputError(f"embedding: expected a name as the truth, found {type(truth).__name__}")
        vector = _normal(result)
        if self._rows and self._rows[0].shape != vector.shape:
            raise InputError(
                f"embedding: expected {self._rows[0].size} numbers as before, found {vector.size}"
            )
        self._rows.append(vector.astype(np.float32))
        self._names.append(truth)

    def pairs(self) -> tuple[Scores, Scores]:
        """Similarities of all pairs of the same name, and of different names; for `fit_threshold`."""
        if len(self._rows) < 2:
            return np.zeros(0), np.zeros(0)
        rows = np.stack(self._rows).astype(np.float64)
        first, second = np.triu_indices(len(rows), 1)
        numbers = np.unique(self._names, return_inverse=True)[1]
        similarities = (rows @ rows.T)[first, second]
        alike = numbers[first] == numbers[second]
        return similarities[alike], similarities[~alike]

    def value(self) -> float:
        """0..1; NaN before there are pairs of both kinds."""
        return self._equal()[0]

    def report(self) -> dict[str, Any]:
        """`samples`, `EER`, the `threshold` there, and how many pairs of the `same` name and of `different` ones."""
        same, different = self.pairs()
        rate, threshold = self._equal()
        known = not math.isnan(rate)
        return {
            "samples": len(self._rows),
            self.name: rate if known else None,
            "threshold": threshold if known else None,
            "same": len(same),
            "different": len(different),
        }

    def _equal(self) -> tuple[float, float]:
        same, different = self.pairs()
        return equal_error(same, different) if len(same) and len(different) else (math.nan, math.nan)


def _scores(given: Sequence[float] | Scores, what: str) -> Scores:
    found = np.asarray(given, np.float64).reshape(-1)
    if not len(found):
        raise InputError(f"expected at least one pair of {what}, found none")
    if not np.isfinite(found).all():
        raise InputError(f"pairs of {what}: expected finite similarities, found NaN or infinity")
    return found
