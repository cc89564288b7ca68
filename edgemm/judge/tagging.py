"""Tags: how high the right labels are ranked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.results import Tags


class TaggingMetric:
    """Label ranking average precision: of each right label, the share of right ones among those that are ranked as high
    or higher; the mean over the labels of a recording, then over recordings (Tsoumakas et al., Mining Multi-label Data,
    2010). A right label that the result does not list counts as 0: give models that are measured a large `top_k`.

    A truth is a label, or a collection of those that are heard in the recording, at least one.
    """

    name: ClassVar[str] = "LRAP"
    unit: ClassVar[str] = "share"
    higher_is_better: ClassVar[bool] = True

    def __init__(self) -> None:
        self._samples, self._sum, self._first = 0, 0.0, 0

    def add(self, result: Tags, truth: str | Collection[str]) -> None:
        """One recording.

        Raises:
            InputError: the truth is no label, and no collection of labels with at least one.
        """
        right = {truth} if isinstance(truth, str) else _labels(truth)
        places = [rank for rank, label in enumerate(result.labels, 1) if label in right]
        self._samples += 1
        self._sum += sum(above / rank for above, rank in enumerate(places, 1)) / len(right)
        self._first += places[:1] == [1]

    def value(self) -> float:
        """0..1; NaN before the first."""
        return self.value_of(self.counts())

    def counts(self) -> npt.NDArray[np.float64]:
        """float64[2]: sum over recordings, recordings."""
        return np.array([self._sum, self._samples], np.float64)

    @staticmethod
    def value_of(counts: npt.NDArray[np.float64]) -> float:
        """Of summed `counts`."""
        return float(counts[0] / counts[1]) if counts[1] else float("nan")

    def report(self) -> dict[str, Any]:
        """`samples`, `LRAP`, and `top-1`: the share of recordings whose best label is right."""
        some = self._samples > 0
        return {
            "samples": self._samples,
            self.name: self.value() if some else None,
            "top-1": self._first / self._samples if some else None,
        }


def _labels(truth: Any) -> set[str]:
    fits = isinstance(truth, Collection) and not isinstance(truth, bytes)
    if not fits or not truth or not all(isinstance(each, str) for each in truth):
        raise InputError(
            f"tagging: expected the labels that are heard as the truth, found {type(truth).__name__}"
        )
    return set(truth)
