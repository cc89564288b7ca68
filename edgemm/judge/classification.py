"""Classification: how often the best class is right."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.results import Classification


class ClassificationMetric:
    """Top-1: the share of samples whose best class is right. The report has top-5 and each class besides.

    A truth is a class number (int), or a label (str).
    """

    name: ClassVar[str] = "top-1"
    unit: ClassVar[str] = "share"
    higher_is_better: ClassVar[bool] = True

    def __init__(self) -> None:
        self._samples = self._right = self._near = 0
        self._fewest = 5
        self._classes: dict[int | str, list[int]] = {}
        """Class -> samples, right ones."""

    def add(self, result: Classification, truth: int | str) -> None:
        """One sample.

        Raises:
            InputError: the result has no class, or the truth is no class.
        """
        if not len(result.class_ids):
            raise InputError("classification: expected at least one class in the result, found none")
        answers = _answers(result, truth)
        key = truth if isinstance(truth, str) else int(truth)
        counts = self._classes.setdefault(key, [0, 0])
        self._samples += 1
        self._fewest = min(self._fewest, len(answers))
        self._near += key in answers[:5]
        self._right += answers[0] == key
        counts[0] += 1
        counts[1] += answers[0] == key

    def value(self) -> float:
        """Share of samples, 0..1; NaN before the first."""
        return self.value_of(self.counts())

    def counts(self) -> npt.NDArray[np.float64]:
        """float64[2]: right ones, samples."""
        return np.array([self._right, self._samples], np.float64)

    @staticmethod
    def value_of(counts: npt.NDArray[np.float64]) -> float:
        """Of summed `counts`."""
        return float(counts[0] / counts[1]) if counts[1] else float("nan")

    def report(self) -> dict[str, Any]:
        """`samples`, `top-1`, `top-5` where every result had five classes, and the same of each of `classes`."""
        share = self.value()
        return {
            "samples": self._samples,
            self.name: share if self._samples else None,
            "top-5": self._near / self._samples if self._samples and self._fewest >= 5 else None,
            "classes": {
                str(key): {"samples": count, "right": right / count}
                for key, (count, right) in sorted(self._classes.items(), key=lambda each: str(each[0]))
            },
        }


def _answers(result: Classification, truth: Any) -> list[Any]:
    """The result's classes, best first, in the terms of the truth."""
    if isinstance(truth, str):
        return list(result.labels)
    if isinstance(truth, bool | np.bool_) or not isinstance(truth, int | np.integer):
        raise InputError(
            f"classification: expected a class number or a label as the truth, found {type(truth).__name__}"
        )
    return [int(each) for each in result.class_ids]
