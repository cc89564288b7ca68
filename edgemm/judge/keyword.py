"""Keywords: how often the right word, or none, was found."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.results import Keyword


class KeywordMetric:
    """The share of recordings with the right answer: the word that is in them, or none where there is none.

    A truth is a word, or "" (or None) for a recording without any. A word counts as found where the result says
    `detected`.
    """

    name: ClassVar[str] = "accuracy"
    unit: ClassVar[str] = "share"
    higher_is_better: ClassVar[bool] = True

    def __init__(self) -> None:
        self._words = self._missed = self._confused = self._without = self._false_alarms = 0

    def add(self, result: Keyword, truth: str | None) -> None:
        """One recording.

        Raises:
            InputError: the truth is no text.
        """
        if truth is not None and not isinstance(truth, str):
            raise InputError(
                f'keyword: expected a word as the truth, or "" for none, found {type(truth).__name__}'
            )
        if not truth:
            self._without += 1
            self._false_alarms += result.detected
            return
        self._words += 1
        self._missed += not result.detected
        self._confused += result.detected and result.label != truth

    def value(self) -> float:
        """Share of recordings, 0..1; NaN before the first."""
        return self.value_of(self.counts())

    def counts(self) -> npt.NDArray[np.float64]:
        """float64[2]: right ones, recordings."""
        samples = self._words + self._without
        wrong = self._missed + self._confused + self._false_alarms
        return np.array([samples - wrong, samples], np.float64)

    @staticmethod
    def value_of(counts: npt.NDArray[np.float64]) -> float:
        """Of summed `counts`."""
        return float(counts[0] / counts[1]) if counts[1] else float("nan")

    def report(self) -> dict[str, Any]:
        """`samples`, `accuracy`, and the three kinds of faults: shares of the recordings in which each can happen."""
        samples = self._words + self._without
        return {
            "samples": samples,
            self.name: self.value() if samples else None,
            "missed": self._missed / self._words if self._words else None,
            "another_word": self._confused / self._words if self._words else None,
            "false_alarms": self._false_alarms / self._without if self._without else None,
        }
